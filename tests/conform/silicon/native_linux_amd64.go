package silicon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// Data of the trampoline, at offsets in the arena.
const (
	datFXIn   = 0x1000
	datFXOut  = 0x1200
	datFXKeep = 0x1400 // Go's
	datGPR    = 0x1600
	datFrame  = 0x1680 // RIP, CS, RFLAGS, RSP, SS for IRETQ
	datRSP    = 0x16c0 // Go's
	datRBP    = 0x16c8
	datR14    = 0x16d0
	datTID    = 0x16d8 // the thread that runs a guest instruction, or 0
	datOld    = 0x1700 // Go's signal handlers by number
	datOut    = 0x1800 // the interrupted context: 23 words of struct sigcontext

	offEntry    = 0x000
	offRecover  = 0x200
	offHandler  = 0x300
	offRestorer = 0x400
)

// Words of struct sigcontext (Linux, arch/x86/include/uapi/asm/sigcontext.h);
// it begins at byte 40 of the ucontext.
const (
	ctxAt    = 40
	ctxRSP   = 15
	ctxRIP   = 16
	ctxFlags = 17
	ctxSegs  = 18
	ctxErr   = 19
	ctxTrap  = 20
	ctxCR2   = 22
	ctxWords = 23
)

// ctxGPR is where the general registers are in it, in the order RAX, RCX, ...
var ctxGPR = [16]int{13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7}

// Linux's user-mode selectors (arch/x86/include/asm/segment.h).
const (
	userCS32 = 0x23
	userSS   = 0x2b
	userCS   = 0x33
)

// signals are how Linux reports exceptions.
var signals = []int{int(syscall.SIGILL), int(syscall.SIGTRAP), int(syscall.SIGBUS), int(syscall.SIGFPE), int(syscall.SIGSEGV)}

// Host is the processor this program runs on.
type Host struct {
	mem   []byte
	base  uint32
	entry uintptr
	old   map[int]sigaction
}

// sigaction is the kernel's struct.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// onlyOne: the signal handlers belong to the process.
var onlyOne sync.Mutex

// places are where the arena may go: the first free one, always the same as a
// rule, because addresses are part of what a seed repeats.
var places = []uintptr{0x50000000, 0x58000000, 0x60000000, 0x30000000}

// Open makes the host's processor available. It locks the goroutine to its
// thread until Close; there is one Host at a time.
func Open() (*Host, error) {
	onlyOne.Lock()
	h, err := open()
	if err != nil {
		onlyOne.Unlock()
		return nil, err
	}
	runtime.LockOSThread()
	if err := h.probe(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

func open() (*Host, error) {
	const fixedNoReplace = 0x100000
	var at uintptr
	for _, want := range places {
		p, _, e := syscall.RawSyscall6(syscall.SYS_MMAP, want, arenaSize, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC,
			syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE|fixedNoReplace, ^uintptr(0), 0)
		switch {
		case e != 0:
			continue
		case p != want: // a kernel before 4.17 does not know the flag
			syscall.RawSyscall(syscall.SYS_MUNMAP, p, arenaSize, 0)
			continue
		}
		at = p
		break
	}
	if at == 0 {
		return nil, errors.New("the host gives no executable memory at a fixed address")
	}
	h := &Host{base: uint32(at), old: map[int]sigaction{}}
	h.mem = unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), arenaSize)
	h.assemble()
	h.entry = at + offEntry
	if err := h.protect(); err != nil {
		h.unmap()
		return nil, err
	}
	for _, n := range signals {
		var old sigaction
		if e := sigact(n, nil, &old); e != 0 {
			h.restore()
			h.unmap()
			return nil, fmt.Errorf("signal %d: %w", n, e)
		}
		binary.LittleEndian.PutUint64(h.mem[datOld+8*n:], uint64(old.handler))
		ours := old // Go's own flags and mask
		ours.handler, ours.restorer = at+offHandler, at+offRestorer
		if e := sigact(n, &ours, nil); e != 0 {
			h.restore()
			h.unmap()
			return nil, fmt.Errorf("signal %d: %w", n, e)
		}
		h.old[n] = old
	}
	return h, nil
}

func sigact(n int, act, old *sigaction) syscall.Errno {
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	return e
}

func (h *Host) restore() {
	for n, a := range h.old {
		sigact(n, &a, nil)
	}
}

func (h *Host) unmap() {
	syscall.RawSyscall(syscall.SYS_MUNMAP, uintptr(h.base), arenaSize, 0)
}

// Close gives everything back.
func (h *Host) Close() {
	h.restore()
	h.unmap()
	runtime.UnlockOSThread()
	onlyOne.Unlock()
}

// protect gives the guest's pages their rights.
func (h *Host) protect() error {
	const none, ro, rw = syscall.PROT_NONE, syscall.PROT_READ, syscall.PROT_READ | syscall.PROT_WRITE
	for _, r := range []struct{ from, to, prot int }{
		{0x2000, offCode, none}, {offCode + pageSize, offData, none}, {offHole, offConst, none},
		{offData, offHole, rw}, {offConst, offConst + pageSize, ro}, {offConst + pageSize, offStack, none},
		{offStack, offStack + pageSize, rw}, {offStack + pageSize, arenaSize, none},
	} {
		if err := syscall.Mprotect(h.mem[r.from:r.to], r.prot); err != nil {
			return fmt.Errorf("page rights of the host: %w", err)
		}
	}
	return nil
}

// assemble writes the trampoline.
func (h *Host) assemble() {
	at := func(off uint32) uint32 { return h.base + off }
	put := func(off int, a *asm) { copy(h.mem[off:], a.b) }
	const (
		rax = 0
		rcx = 1
		rsp = 4
		rbp = 5
		rdi = 7
		r14 = 14
	)

	// Entry, called from Go: everything of Go's that lives in registers is kept.
	e := &asm{}
	e.fxsave(at(datFXKeep))
	e.store(rsp, at(datRSP))
	e.store(rbp, at(datRBP))
	e.store(r14, at(datR14))
	e.movImm(rax, userSS)
	e.bytes(0x8e, 0xd8, 0x8e, 0xc0) // MOV DS,EAX; MOV ES,EAX: Linux leaves them null, which 32-bit code cannot use
	e.fxrstor(at(datFXIn))
	for r := range 16 {
		if r != rsp {
			e.load(r, at(datGPR+uint32(8*r)))
		}
	}
	e.movImm(rsp, at(datFrame))
	e.bytes(0x48, 0xcf) // IRETQ
	put(offEntry, e)

	// The signal handler: RDI signal, RDX ucontext. On the thread that runs a
	// guest instruction it keeps the context and continues at offRecover; on any
	// other it is not there.
	s := &asm{}
	s.movImm(rax, syscall.SYS_GETTID)
	s.bytes(0x0f, 0x05)               // SYSCALL
	s.abs(0, at(datTID), 0x3b)        // CMP EAX,[tid]
	s.bytes(0x74, 9)                  // JE over the next two
	s.bytes(0x89, 0xf8)               // MOV EAX,EDI
	s.bytes(0xff, 0x24, 0xc5)         // JMP [old+RAX*8]
	s.imm32(at(datOld))               //
	s.abs(0, at(datTID), 0xc7)        // MOV dword [tid],0
	s.imm32(0)                        //
	s.bytes(0x48, 0x8d, 0x72, 40)     // LEA RSI,[RDX+40]
	s.movImm(rdi, at(datOut))         //
	s.movImm(rcx, ctxWords)           //
	s.bytes(0xf3, 0x48, 0xa5)         // REP MOVSQ
	set := func(word int, v uint32) { // MOV qword [RDX+word],v
		s.bytes(0x48, 0xc7, 0x82)
		s.imm32(uint32(ctxAt + 8*word))
		s.imm32(v)
	}
	set(ctxRIP, at(offRecover))
	set(ctxFlags, 0x202)
	s.load(rax, at(datRSP))
	s.bytes(0x48, 0x89, 0x82) // MOV [RDX+rsp],RAX
	s.imm32(ctxAt + 8*ctxRSP)
	for off, sel := range map[uint32]uint16{0: userCS, 6: userSS} { // MOV word [RDX+segs+off],sel
		s.bytes(0x66, 0xc7, 0x82)
		s.imm32(ctxAt + 8*ctxSegs + off)
		s.bytes(byte(sel), byte(sel>>8))
	}
	s.bytes(0xc3)
	put(offHandler, s)

	// Back from the signal with the guest's x87 and SSE state.
	r := &asm{}
	r.fxsave(at(datFXOut))
	r.fxrstor(at(datFXKeep))
	r.bytes(0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0) // XOR EAX,EAX; MOV DS,EAX; MOV ES,EAX
	r.load(rbp, at(datRBP))
	r.load(r14, at(datR14))
	r.bytes(0xc3)
	put(offRecover, r)

	t := &asm{}
	t.movImm(rax, syscall.SYS_RT_SIGRETURN)
	t.bytes(0x0f, 0x05)
	put(offRestorer, t)
}

// Base is the arena's address.
func (h *Host) Base() uint32 { return h.base }

// Mem is the arena.
func (h *Host) Mem() []byte { return h.mem }

// Written does nothing: processors notice.
func (h *Host) Written(int, int) {}

// Step runs one instruction natively.
func (h *Host) Step(s *State, bits int) (o Outcome) {
	le := binary.LittleEndian
	copy(h.mem[datFXIn:], s.FX[:])
	for i, v := range s.GPR {
		le.PutUint64(h.mem[datGPR+8*i:], v)
	}
	cs := uint64(userCS)
	if bits == 32 {
		cs = userCS32
	}
	for i, v := range [5]uint64{s.RIP, cs, s.Flags | flagTF | flagIF | flag1, s.GPR[4], userSS} {
		le.PutUint64(h.mem[datFrame+8*i:], v)
	}
	le.PutUint32(h.mem[datTID:], uint32(syscall.Gettid()))
	entry := &h.entry
	f := *(*func())(unsafe.Pointer(&entry))
	f()
	word := func(i int) uint64 { return le.Uint64(h.mem[datOut+8*i:]) }
	for i := range o.GPR {
		o.GPR[i] = word(ctxGPR[i])
	}
	o.RIP, o.Flags = word(ctxRIP), word(ctxFlags)
	o.Vector, o.Code, o.CR2 = int(word(ctxTrap)), uint32(word(ctxErr)), word(ctxCR2)
	if o.Vector == 1 {
		o.Vector = None
	}
	copy(o.FX[:], h.mem[datFXOut:])
	return o
}

// probe makes sure that single steps work here: not every virtual machine and
// sandbox gets them right.
func (h *Host) probe() error {
	for _, p := range []struct {
		bits   int
		code   []byte
		vector int
		length uint64
	}{{64, []byte{0xff, 0xc0}, None, 2}, {32, []byte{0x40}, None, 1}, {64, []byte{0x0f, 0x0b}, 6, 0}} {
		copy(h.mem[offCode:], p.code)
		s := State{RIP: uint64(h.base) + offCode}
		s.GPR[0] = 41
		copy(s.FX[:], h.plainFX())
		o := h.Step(&s, p.bits)
		if o.Vector != p.vector || o.RIP != s.RIP+p.length || p.vector == None && o.GPR[0] != 42 {
			return fmt.Errorf("the host does not single-step %d-bit code as a processor does", p.bits)
		}
	}
	return nil
}

// plainFX is an FXSAVE image with everything masked and nothing in it.
func (h *Host) plainFX() []byte {
	b := make([]byte, 512)
	binary.LittleEndian.PutUint16(b[fxCW:], 0x37f)
	binary.LittleEndian.PutUint32(b[fxMXCSR:], 0x1f80)
	return b
}

// CPUID executes CPUID.
func (h *Host) CPUID(leaf, sub uint32) (a, b, c, d uint32) {
	copy(h.mem[offCode:], []byte{0x0f, 0xa2})
	s := State{RIP: uint64(h.base) + offCode}
	s.GPR[0], s.GPR[1] = uint64(leaf), uint64(sub)
	copy(s.FX[:], h.plainFX())
	o := h.Step(&s, 64)
	return uint32(o.GPR[0]), uint32(o.GPR[3]), uint32(o.GPR[1]), uint32(o.GPR[2])
}
