package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSelfModifyingCode: a store is seen by the very next instruction, however
// the bytes are reached (SDM volume 3A, 11.6).
func TestSelfModifyingCode(t *testing.T) {
	for _, c := range []struct {
		name string
		code string
		want uint64 // EAX
	}{
		{"the next instruction", "c6050840000002 b801000000", 2},
		{"the next but one", "c6050940000002 90 b801000000", 2},
		{"REP STOS over the code ahead", "bf18400000 b902000000 b040 f3aa 9090909090909090 909090", 0x42},
		{"INC of an immediate, in a loop", "b903000000 b800000000 ff0506400000 e2f3", 2},
	} {
		r := newSysRig(t, 32)
		require.Empty(t, r.run(c.code), c.name)
		require.Equal(t, c.want, r.GPR[RAX], c.name)
	}

	// A call to a function that is rewritten between the calls, hot in the cache.
	r := newSysRig(t, 32)
	copy(r.board.ram[rigTarget:], []byte{0x83, 0xc0, 1, 0xc3}) // ADD EAX,1; RET
	require.Empty(t, r.run("31c0 b90a000000 e8f40f0000 fe0502500000 e2f3"))
	require.EqualValues(t, 55, r.GPR[RAX])

	// Through another linear address of the same page.
	p, chain := pagedRig(t, pageModes[4])
	lin := pageModes[4].lin
	p.put(chain[3]+8, pgFrame|pteP|pteW|pteU)                      // the next page, too
	copy(p.board.ram[pgFrame+0x100:], []byte{0xb0, 1, 0xeb, 0xfc}) // l: MOV AL,1; JMP l
	p.RIP = lin + 0x100
	p.Refresh()
	p.Run(p.ICount + 10)
	require.EqualValues(t, 1, p.GPR[RAX]&0xff)
	p.store8(DS, lin+0x1101, 2)
	p.Run(p.ICount + 10)
	require.EqualValues(t, 2, p.GPR[RAX]&0xff)
	// By somebody else: DMA.
	p.board.ram[pgFrame+0x101] = 3
	p.code.Written(pgFrame+0x101, 1)
	p.Run(p.ICount + 10)
	require.EqualValues(t, 3, p.GPR[RAX]&0xff)
	// The page is remapped under the code.
	copy(p.board.ram[0x42100:], []byte{0xb0, 4, 0xeb, 0xfc})
	p.put(chain[3], 0x42000|pteP|pteW|pteU)
	p.flushPage(lin)
	p.Run(p.ICount + 10)
	require.EqualValues(t, 4, p.GPR[RAX]&0xff)

	// An instruction that crosses pages, its second half rewritten.
	r = newSysRig(t, 32)
	copy(r.board.ram[0x5ffd:], []byte{0xb8, 1, 0, 0, 0, 0xc3}) // MOV EAX,1; RET
	require.Empty(t, r.run("e8f81f0000 0305fe5f0000 c6050060000007 e8e61f0000"))
	require.EqualValues(t, 0x070001, r.GPR[RAX])
}

// TestCodeWrittenAnew: when a page of functions is overwritten one by one it stops being a page
// of code, so that the rest is not slow to write; what is not overwritten still runs.
func TestCodeWrittenAnew(t *testing.T) {
	const functions, page = 16, 0x6000
	r := newSysRig(t, 32)
	calls, sum := "31c0 ", uint64(0)
	for i := range uint64(functions) {
		copy(r.board.ram[page+i*64:], []byte{0x83, 0xc0, byte(1 + i), 0xc3}) // ADD EAX,1+i; RET
		rel := page + i*64 - (rigCode + 2 + 5*(i+1))
		calls += fmt.Sprintf("e8%02x%02x%02x%02x ", byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24))
		sum += 1 + i
	}
	require.Empty(t, r.run(calls))
	require.Equal(t, sum, r.GPR[RAX])
	require.True(t, r.code.hasCode(page))
	for i := range uint64(functions / 2) {
		r.store8(DS, page+i*64+2, 100)
		sum += 100 - (1 + i)
	}
	require.False(t, r.code.hasCode(page))
	require.Empty(t, r.run(calls))
	require.Equal(t, sum, r.GPR[RAX])

	// One function that changes again and again leaves the others alone.
	for i := range uint64(20) {
		r.store8(DS, page+2, uint8(i))
		require.True(t, r.code.hasCode(page))
		require.Empty(t, r.run(calls))
		require.Equal(t, sum-100+i, r.GPR[RAX])
	}
}

// TestOverwrittenInPlace: code whose operands change is decoded where it was; where instructions
// have other lengths, or one more ends the block, it is not; and memory that holds no code any
// more is written to as any other.
func TestOverwrittenInPlace(t *testing.T) {
	const at = 0x6000
	r := newSysRig(t, 32)
	r.start("e8fb1f0000") // CALL 6000h
	write := func(code string) { r.storeBytes(DS, at, []byte(code)) }
	run := func(want uint64) *block {
		t.Helper()
		r.RIP, r.Halted = rigCode, false
		r.Refresh()
		require.Equal(t, ExitHalt, r.Run(r.ICount+100))
		require.Equal(t, want, r.GPR[RAX])
		for _, b := range r.code.pages[at].blocks {
			if b.pa == at && !b.dead {
				return b
			}
		}
		t.Fatal("no block")
		return nil
	}
	write("\xb8\x01\x00\x00\x00\x83\xc0\x01\xc3") // MOV EAX,1; ADD EAX,1; RET
	first := run(2)
	r.store8(DS, at+1, 7)
	require.True(t, first.stale)
	r.store8(DS, at+1, 8)
	r.store8(DS, at+7, 2)
	require.Same(t, first, run(10))
	require.False(t, first.dead)
	write("\xb8\x05\x00\x00\x00\x90\x90\x90\xc3") // NOPs
	second := run(5)
	require.NotSame(t, first, second)
	require.True(t, first.dead)
	write("\xb8\x06\x00\x00\x00\xc3") // RET is the second instruction
	require.NotSame(t, second, run(6))

	r.store8(DS, at+1, 6)
	for i := range uint64(maxIdle + 1) {
		require.True(t, r.code.hasCode(at))
		r.store8(DS, at+0x100+i, 1) // beside what was overwritten
	}
	require.False(t, r.code.hasCode(at))
	for b := r.code.table[codeHash(at, at, 32)]; b != nil; b = b.next {
		require.NotEqual(t, uint64(at), b.pa, "a block of a page without code")
	}
	run(6)
}

// TestTwoProcessorsShareCode: a store of one processor reaches the other's code.
func TestTwoProcessorsShareCode(t *testing.T) {
	r := newSysRig(t, 32)
	other := New(1, r.Model, r.rig.board, r.code)
	other.State = *r.Pull()
	other.Refresh()
	r.start("b001 ebfc")
	other.RIP = rigCode
	for _, c := range []*CPU{r.CPU, other} {
		c.Run(c.ICount + 10)
		require.EqualValues(t, 1, c.GPR[RAX]&0xff)
	}
	other.store8(DS, rigCode+1, 9)
	for _, c := range []*CPU{r.CPU, other} {
		c.Run(c.ICount + 10)
		require.EqualValues(t, 9, c.GPR[RAX]&0xff)
	}
}

// TestStringsInBulk: what is done in bulk equals one element at a time, for all
// sizes, directions, overlaps and page crossings.
func TestStringsInBulk(t *testing.T) {
	ops := []string{"f3a4", "f3a5", "66f3a5", "f3aa", "f3ab", "66f3ab", "f3a6", "f3a7", "f2a6", "f3ae", "f2af", "f3ac", "f3ad",
		"67f3a4", "67f3a5", "67f3ab", "48f3a5", "48f3ab", "48f3a7"}
	rnd := rand.New(rand.NewPCG(5, 6))
	for n := range 600 {
		op := ops[rnd.IntN(len(ops))]
		bits := []int{32, 64}[n&1]
		if bits == 32 && op[:2] == "48" {
			op = op[2:]
		}
		src := rigData + rnd.Uint64N(0x1000)
		dst := src + rnd.Uint64N(0x1800) - 0xc00
		if n%3 == 0 {
			dst = src + rnd.Uint64N(20) - 10
		}
		count, df := rnd.Uint64N(0x900), rnd.Uint64()&1*FlagDF
		fill := rnd.Uint64()
		make := func() *sysRig {
			r := newSysRig(t, bits)
			for at := uint64(rigData - 0x3000); at < rigData+0x5000; at += 8 {
				r.put(at, at*fill>>(at>>9&31)&0x0101010101010101*(at>>10))
			}
			r.start(op)
			r.GPR[RSI], r.GPR[RDI], r.GPR[RCX], r.GPR[RAX] = src, dst, count, fill
			r.RFLAGS |= df
			r.Refresh()
			return r
		}
		whole, ones := make(), make()
		whole.Run(whole.ICount + 0x10000)
		for !ones.Halted {
			ones.Run(ones.ICount + 1)
		}
		whole.sameAs(t, ones.rig, fmt.Sprintf("%s: %d bits, src %#x dst %#x count %#x DF %#x", op, bits, src, dst, count, df))
	}
}

// TestStringFault: REP STOS into a page that is not there.
func TestStringFault(t *testing.T) {
	r := newSysRig(t, 64)
	r.put(rigPages+0x2000, 0x87)
	r.put(rigPages+0x2000+8, 0) // 2-4 MiB
	// One large page reaches over the end of RAM, whose writes go nowhere.
	require.Equal(t, []event{{vecPF, 2}}, r.run("48c7c7f0ff1f00 b920000000 f3aa"))
	require.EqualValues(t, 0x200000, r.GPR[RDI])
	require.EqualValues(t, 0x10, r.GPR[RCX])
	require.EqualValues(t, 0x200000, r.CR2)
	require.EqualValues(t, rigCode+12, r.get(r.GPR[RSP]+8), "RIP stays at the instruction")

	// 16-bit addressing wraps at 64 KiB; the counter is CX.
	r = newSysRig(t, 32)
	r.passes("wrap", "bffeff0100 b904000100 b05a 67f3aa")
	require.EqualValues(t, 0x10002, r.GPR[RDI])
	require.EqualValues(t, 0x10000, r.GPR[RCX])
	require.Equal(t, []byte{0x5a, 0x5a}, r.board.ram[0:2])
	require.EqualValues(t, 0x5a, r.board.ram[0xffff])
	// A zero counter does nothing, not even fault.
	r = newSysRig(t, 32)
	r.passes("zero", "31c9 31c0 8ec0 f3aa")
}

// TestStackWidths: PUSHA, ENTER, LEAVE and POP on 16- and 32-bit stacks.
func TestStackWidths(t *testing.T) {
	r := newSysRig(t, 32)
	r.start("60 61")
	r.GPR[RBP], r.GPR[RDI] = 0x11223344, 0x55667788
	r.Run(r.ICount + 1)
	require.EqualValues(t, rigStack-32, r.GPR[RSP])
	require.Equal(t, []uint32{0x55667788, 0, 0x11223344, rigStack}, r.stack(4))
	r.Run(r.ICount + 1)
	require.EqualValues(t, rigStack, r.GPR[RSP])

	// A 16-bit stack segment: SP wraps, the upper half of ESP stays.
	small := func(code string, esp uint64) *sysRig {
		r := newSysRig(t, 32)
		r.start("b830000000 8ed0" + code)
		r.GPR[RSP] = esp
		r.Run(r.ICount + 2)
		return r
	}
	r = small("50", 0xabcd0002)
	r.Run(r.ICount + 1)
	require.Equal(t, []event{{vecSS, 0}}, r.events[:1], "a dword at FFFE")
	r = small("50", 0xabcd0000)
	r.GPR[RAX] = 0x1234
	r.Run(r.ICount + 1)
	require.Empty(t, r.events)
	require.EqualValues(t, 0xabcdfffc, r.GPR[RSP])
	require.EqualValues(t, 0x1234, r.word(0xfffc))
	r = small("c8100002", 0xabcd1000) // ENTER 16,2
	r.GPR[RBP] = 0x99992000
	r.put(0x1ffc, 0x77665544)
	r.Run(r.ICount + 1)
	require.EqualValues(t, 0xabcd1000-12-16, r.GPR[RSP])
	require.Equal(t, []uint32{0x0ffc, 0x77665544, 0x99992000}, []uint32{r.word(0xff4) & 0xffff, r.word(0xff8), r.word(0xffc)})
	require.EqualValues(t, 0x0ffc, r.GPR[RBP]&0xffff)

	// 16-bit operand size on a 32-bit stack.
	r = newSysRig(t, 32)
	r.passes("PUSHAW", "6660 6661 6668aaaa 665b")
	require.EqualValues(t, rigStack, r.GPR[RSP])
	require.EqualValues(t, 0xaaaa, r.GPR[RBX])
	// LEAVE, and POP into memory addressed by ESP: the address is taken after the pop.
	r = newSysRig(t, 32)
	r.passes("ENTER and LEAVE", "bd78563412 c8200000 c9")
	require.EqualValues(t, rigStack, r.GPR[RSP])
	require.EqualValues(t, 0x12345678, r.GPR[RBP])
	r = newSysRig(t, 32)
	r.passes("POP [ESP+4]", "6a11 6a22 6a33 8f442404") // 33h goes where 11h was
	require.Equal(t, []uint32{0x22, 0x33}, r.stack(2))
	r = newSysRig(t, 32)
	r.passes("PUSH ESP and POP ESP", "54 5b 6800100000 5c")
	require.EqualValues(t, rigStack, r.GPR[RBX])
	require.EqualValues(t, 0x1000, r.GPR[RSP])
}

// TestBigReal: limits survive in real mode; FFFF is the last byte without them.
func TestBigReal(t *testing.T) {
	r := newRig(t, "max", 16)
	require.Equal(t, vecGP, r.Exec("66bb00800200 67668b03"), "beyond 64 KiB")
	r = newRig(t, "max", 16)
	r.Seg[DS].Limit = 0xffffffff
	r.put(0x28000, 0x1234)
	require.Equal(t, -1, r.Exec("31c0 8ed8 66bb00800200 67668b03"), "after loading DS, too")
	require.EqualValues(t, 0x1234, r.GPR[RAX])
	r = newRig(t, "max", 16)
	require.Equal(t, vecGP, r.Exec("bbffff 8b07"), "a word at FFFF")
	r = newRig(t, "max", 16)
	require.Equal(t, vecSS, r.Exec("bdffff 8b4600"), "a stack word at FFFF")
	// Writes through CS.
	r = newRig(t, "max", 16)
	require.Equal(t, -1, r.Exec("bb0090 2ec60755"))
	require.EqualValues(t, 0x55, r.board.ram[0x9000])
}

// TestA20: with A20 masked the second megabyte is the first.
func TestA20(t *testing.T) {
	r := newRig(t, "max", 16)
	r.Seg[DS].Sel, r.Seg[DS].Base = 0xffff, 0xffff0
	r.board.ram[0x500] = 0x77
	r.Refresh()
	r.SetA20(false)
	require.EqualValues(t, 0x77, r.load8(DS, 0x510))
	r.SetA20(true)
	require.EqualValues(t, 0xff, r.load8(DS, 0x510), "nothing answers at 1 MiB")
}
