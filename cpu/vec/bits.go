package vec

import (
	"hash/crc32"
	"math/bits"
)

// PEXT gathers the bits of v under mask at the low end.
func PEXT(v, mask uint64) uint64 {
	var r uint64
	for i := 0; mask != 0; i++ {
		r |= v >> bits.TrailingZeros64(mask) & 1 << i
		mask &= mask - 1
	}
	return r
}

// PDEP scatters the low bits of v to the ones of mask.
func PDEP(v, mask uint64) uint64 {
	var r uint64
	for ; mask != 0; v >>= 1 {
		r |= mask & -mask & -(v & 1)
		mask &= mask - 1
	}
	return r
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32 accumulates the low size bytes of v with the Castagnoli polynomial, without the usual inversions.
func CRC32(crc uint32, v uint64, size int) uint32 {
	for range size {
		crc = castagnoli[uint8(crc)^uint8(v)] ^ crc>>8
		v >>= 8
	}
	return crc
}
