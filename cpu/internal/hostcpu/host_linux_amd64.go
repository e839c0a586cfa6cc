package hostcpu

import (
	"sync"
	"syscall"
	"unsafe"
)

// Code is a piece of native code ready to be called.
type Code struct {
	entry *uintptr // what a Go func value points to
	text  uintptr
}

var arena struct {
	sync.Mutex
	mem  []byte
	used int
}

// Load appends RET to code and makes it callable. The code gets a pointer to its caller's block in RAX, may change every
// general register but RSP, RBP and R14, and every vector register but XMM15, and must not use the stack.
func Load(code []byte) *Code {
	arena.Lock()
	defer arena.Unlock()
	if arena.mem == nil {
		mem, err := syscall.Mmap(-1, 0, 16<<20, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC,
			syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			panic(err)
		}
		arena.mem = mem
	}
	at := arena.used
	n := copy(arena.mem[at:], code)
	arena.mem[at+n] = 0xc3
	arena.used = (at + n + 16) &^ 15
	c := &Code{text: uintptr(unsafe.Pointer(&arena.mem[at]))}
	c.entry = &c.text
	return c
}

// Run calls the code with RAX pointing to block.
func (c *Code) Run(block unsafe.Pointer) {
	f := *(*func(unsafe.Pointer))(unsafe.Pointer(&c.entry))
	f(block)
}

// CPUID executes CPUID for a leaf with ECX 0.
func CPUID(leaf uint32) (eax, ebx, ecx, edx uint32) {
	var b [4]uint32
	b[0] = leaf
	// MOV R8,RAX; MOV EAX,[R8]; XOR ECX,ECX; CPUID; MOV [R8],EAX; MOV [R8+4],EBX; MOV [R8+8],ECX; MOV [R8+12],EDX
	Load([]byte{0x49, 0x89, 0xc0, 0x41, 0x8b, 0x00, 0x31, 0xc9, 0x0f, 0xa2, 0x41, 0x89, 0x00, 0x41, 0x89, 0x58, 0x04,
		0x41, 0x89, 0x48, 0x08, 0x41, 0x89, 0x50, 0x0c}).Run(unsafe.Pointer(&b))
	return b[0], b[1], b[2], b[3]
}

// X87 is the argument block of FPU code.
type X87 struct {
	A, B [16]byte // loaded into ST0 and ST1 (80 bits)
	CW   uint16
	_    [30]byte
	Mem  [16]byte // at 64: free for the operation
	Save [112]byte
}

// X87Op builds code that loads B and A, then executes op and saves the FPU into Save.
func X87Op(op ...byte) *Code {
	code := []byte{
		0xdb, 0xe3, // FNINIT
		0xdb, 0x68, 0x10, // FLD m80 [RAX+16]
		0xdb, 0x28, // FLD m80 [RAX]
		0xd9, 0x68, 0x20, // FLDCW [RAX+32]
	}
	code = append(code, op...)
	code = append(code, 0xdd, 0x70, 0x50) // FNSAVE [RAX+80]
	return Load(code)
}

// SW returns the saved status word.
func (x *X87) SW() uint16 { return uint16(x.Save[4]) | uint16(x.Save[5])<<8 }

// ST returns saved register i.
func (x *X87) ST(i int) (sig uint64, se uint16) {
	p := x.Save[28+10*i:]
	for k := 7; k >= 0; k-- {
		sig = sig<<8 | uint64(p[k])
	}
	return sig, uint16(p[8]) | uint16(p[9])<<8
}

// SSE is the argument block of vector code.
type SSE struct {
	A, B, X0 [2]uint64 // XMM1, XMM2 and XMM0
	MXCSR    uint32
	_        [12]byte
	GPR      [4]uint64 // at 64: loaded into RDX, RCX, RSI; RDX and RCX are stored back, RFLAGS into the last
}

// SSEOp builds code that loads XMM0..XMM2, executes op with MXCSR, and stores XMM0..XMM2, RDX, RCX and MXCSR back.
// RAX may be changed by op. GPR[3] receives the flags SF, ZF, AF, PF, CF as LAHF stores them, and OF in bit 8.
func SSEOp(op ...byte) *Code {
	code := []byte{
		0x49, 0x89, 0xc0, // MOV R8,RAX
		0x0f, 0xae, 0x50, 0x30, // LDMXCSR [RAX+48]
		0x0f, 0x10, 0x48, 0x00, // MOVUPS XMM1,[RAX]
		0x0f, 0x10, 0x50, 0x10, // MOVUPS XMM2,[RAX+16]
		0x0f, 0x10, 0x40, 0x20, // MOVUPS XMM0,[RAX+32]
		0x48, 0x8b, 0x50, 0x40, // MOV RDX,[RAX+64]
		0x48, 0x8b, 0x48, 0x48, // MOV RCX,[RAX+72]
		0x48, 0x8b, 0x70, 0x50, // MOV RSI,[RAX+80]
		0x48, 0x8b, 0x40, 0x58, // MOV RAX,[RAX+88]
	}
	code = append(code, op...)
	code = append(code,
		0x0f, 0x90, 0xc0, // SETO AL
		0x9f,                         // LAHF
		0x66, 0x41, 0x89, 0x40, 0x58, // MOV [R8+88],AX
		0x41, 0x0f, 0xae, 0x58, 0x30, // STMXCSR [R8+48]
		0x41, 0x0f, 0x11, 0x48, 0x00, // MOVUPS [R8],XMM1
		0x41, 0x0f, 0x11, 0x50, 0x10,
		0x41, 0x0f, 0x11, 0x40, 0x20,
		0x49, 0x89, 0x50, 0x40, // MOV [R8+64],RDX
		0x49, 0x89, 0x48, 0x48, // MOV [R8+72],RCX
		0x41, 0xc7, 0x40, 0x34, 0x80, 0x1f, 0x00, 0x00, // MOV dword [R8+52],1F80h
		0x41, 0x0f, 0xae, 0x50, 0x34, // LDMXCSR [R8+52]: Go's own value
	)
	return Load(code)
}

// Intel reports whether the processor is one of Intel's. Where makers differ, g86
// does as AMD's processors do.
func Intel() bool {
	_, b, c, d := CPUID(0)
	return b == 0x756e6547 && d == 0x49656e69 && c == 0x6c65746e // GenuineIntel
}
