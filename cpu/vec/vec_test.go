package vec

import (
	"crypto/aes"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	sf "g86/cpu/softfloat"
)

func bytesOf(v V) (b [16]byte) {
	for i := range b {
		b[i] = v.b(i)
	}
	return b
}

func vOf(b []byte) (v V) {
	for i := range 16 {
		v.setB(i, b[i])
	}
	return v
}

// FIPS 197, appendix B, by the instructions as a program would use them.
func TestAESEncryptsAndDecryptsABlock(t *testing.T) {
	key := []byte{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c}
	plain := []byte{0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34}
	keys := []V{vOf(key)}
	for _, rcon := range []uint8{1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36} {
		k := keys[len(keys)-1]
		g := PSHUFD(AESKEYGENASSIST(k, rcon), 0xff)
		k = PXOR(PXOR(k, PSLLDQ(k, 4)), PXOR(PSLLDQ(k, 8), PSLLDQ(k, 12)))
		keys = append(keys, PXOR(k, g))
	}
	s := PXOR(vOf(plain), keys[0])
	for _, k := range keys[1:10] {
		s = AESENC(s, k)
	}
	s = AESENCLAST(s, keys[10])
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	var want [16]byte
	block.Encrypt(want[:], plain)
	require.Equal(t, want, bytesOf(s))

	s = PXOR(s, keys[10])
	for i := 9; i > 0; i-- {
		s = AESDEC(s, AESIMC(keys[i]))
	}
	require.Equal(t, vOf(plain), AESDECLAST(s, keys[0]))
}

func TestCRC32OfCheckString(t *testing.T) {
	crc := ^uint32(0)
	text := []byte("123456789")
	for _, c := range text {
		crc = CRC32(crc, uint64(c), 1)
	}
	require.Equal(t, uint32(0xe3069283), ^crc)
	require.Equal(t, crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)), ^crc)
}

func TestStringIdioms(t *testing.T) {
	text := vOf([]byte("Hello, world!\x00zz"))
	// strlen: equal each against zeros.
	i, f := PCMPISTRI(V{}, text, 0x08)
	require.Equal(t, uint32(13), i)
	require.Equal(t, StrFlags{CF: true, ZF: true, SF: true}, f)
	// strspn over ranges A-Z and a-z, negated: first character that is no letter.
	i, f = PCMPISTRI(vOf([]byte("AZaz\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), text, 0x14)
	require.Equal(t, uint32(5), i)
	require.True(t, f.CF)
	// strstr: equal ordered.
	i, _ = PCMPESTRI(vOf([]byte("world...........")), text, 5, 13, 0x0c)
	require.Equal(t, uint32(7), i)
	// The most negative length saturates like any other large one.
	m, _ := PCMPESTRM(text, text, -1<<63, 16, 0x48)
	require.Equal(t, V{^uint64(0), ^uint64(0)}, m)
}

// An exception that is found before computing, unmasked in one lane, hides what other lanes would report afterwards.
func TestUnmaskedExceptionsOfPackedOperations(t *testing.T) {
	third := d4(0x3f800000, 0x3f800000, 0, 0) // 1/3 is inexact, 1/0 divides by zero
	by := d4(0x40400000, 0, 0x3f800000, 0x3f800000)
	e := sf.SSEEnv(0x1f80)
	DIVPS(third, by, &e)
	require.Equal(t, uint8(sf.ZE|sf.PE), e.Flags)
	e = sf.SSEEnv(0x1f80 &^ (sf.ZE << 7))
	DIVPS(third, by, &e)
	require.Equal(t, uint8(sf.ZE), e.Flags)
	require.Equal(t, uint8(sf.ZE), e.Unmasked())
}
