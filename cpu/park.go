package cpu

import (
	"hash/maphash"
	"unsafe"

	"g86/cpu/isa"
)

// Parked host code. Programs are loaded again, at the same physical page or at another: host code
// of a block whose memory is overwritten waits for the same instructions to come back at the same RIP. It
// depends on nothing else once it is taken out of the jumps of others, and its own to blocks of its
// page are.

// parkKey is what host code depends on besides its instructions.
type parkKey struct {
	rip      uint64
	mode     isa.Mode
	windowed bool
}

// parking has the blocks whose host code waits, in chains with the last one first.
type parking struct {
	blocks map[parkKey]*block
	n      int
	found  uint64 // blocks that came back
}

// maxParked bounds what is kept of programs that do not come back; maxParkedHere the blocks at a RIP.
const (
	maxParked     = 4096
	maxParkedHere = 4
)

var contentSeed = maphash.MakeSeed()

// contentHash is never 0. No guest can find other instructions with the same.
func contentHash(code []byte) uint64 { return maphash.Bytes(contentSeed, code) | 1 }

// content is the memory of a block in one page, nil if it is not memory any more.
func (c *CPU) content(b *block) []byte {
	host, _ := c.hostPage(b.pa)
	if b.pa2 != 0 || host == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(host, b.pa&0xfff)), b.bytes)
}

// suspend takes a block's host code out of use: it waits with the block, which is being overwritten.
func (k *CodeCache) suspend(b *block) {
	if b.native == nil {
		return
	}
	if b.content == 0 {
		k.forget(b)
		return
	}
	k.unreach(b)
	k.translator.Suspend(b)
	b.native, b.waiting = nil, b.native
}

// park lets the host code of a block that is gone wait for it to come back.
func (k *CodeCache) park(b *block) {
	if b.waiting == nil {
		return
	}
	p := &k.parking
	if p.n >= maxParked {
		for _, b := range p.blocks {
			k.discard(b)
		}
		p.empty()
	}
	if p.blocks == nil {
		p.blocks = map[parkKey]*block{}
	}
	key := parkKey{b.rip, b.mode, b.windowed}
	b.next = p.blocks[key]
	p.blocks[key] = b
	p.n++
	for range maxParkedHere - 1 {
		if b = b.next; b == nil {
			return
		}
	}
	if b.next != nil {
		k.discard(b.next)
		b.next = nil
	}
}

func (p *parking) empty() {
	clear(p.blocks)
	p.n = 0
}

// returned takes the host code of a block that was overwritten into use again, if it waits for the
// instructions in code, which are there now. Otherwise the block may become another.
func (k *CodeCache) returned(b *block, code []byte) bool {
	if b.waiting != nil && contentHash(code) == b.content {
		b.native, b.waiting, b.heat = b.waiting, nil, k.heat
		b.dead, b.stale = false, false
		k.parking.found++
		return true
	}
	if b.waiting == nil {
		return k.unpark(b, code)
	}
	old := new(block)
	*old = *b
	b.waiting = nil
	found := k.unpark(b, code)
	if !found {
		k.keep(old)
	}
	k.park(old)
	return found
}

// discard drops host code that waits, of a block and those behind it.
func (k *CodeCache) discard(b *block) {
	for ; b != nil; b = b.next {
		b.native, b.waiting = b.waiting, nil
		k.translator.Drop(b)
		b.native = nil
		k.parking.n--
	}
}

// unpark makes b, which is about to be decoded from page, the block with the same instructions whose
// host code waits, if there is one.
func (k *CodeCache) unpark(b *block, page []byte) bool {
	p := &k.parking
	if p.n == 0 {
		return false
	}
	key := parkKey{b.rip, b.mode, b.windowed}
	var of, before *block
	for of = p.blocks[key]; of != nil; of, before = of.next, of {
		if int(of.bytes) <= len(page) && contentHash(page[:of.bytes]) == of.content {
			break
		}
	}
	switch {
	case of == nil:
		return false
	case before != nil:
		before.next = of.next
	case of.next != nil:
		p.blocks[key] = of.next
	default:
		delete(p.blocks, key)
	}
	p.n--
	pa, next := b.pa, b.next
	*b = *of // another block: epochs that know the one before may not have ended
	b.pa, b.next = pa, next
	b.native, b.waiting, b.heat = of.waiting, nil, k.heat
	b.dead, b.stale = false, false
	b.succ, b.succEpoch = [2]*block{}, [2]uint64{}
	of.waiting = nil
	k.translator.Resume(b)
	p.found++
	return true
}

// Found is how many blocks with host code came back after they had been overwritten.
func (k *CodeCache) Found() uint64 { return k.parking.found }
