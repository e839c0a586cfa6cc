package isa

// Feature is the processor generation or CPUID feature a form needs. A form
// whose feature the CPU model lacks raises #UD (or runs as Form.Legacy).
type Feature uint8

// Features. The first group are generations, each including those before it;
// the rest are CPUID bits.
const (
	I86 Feature = iota
	I186
	I286
	I386
	I486
	Pentium // RDTSC, RDMSR, CMPXCHG8B
	P6      // RDPMC, hint NOPs

	FPU
	CMOV
	FCMOV // CMOV and FPU: FCMOVcc, FCOMI
	MMX
	FXSR
	SSE
	SSE2
	SSE3
	SSSE3
	SSE41
	SSE42
	POPCNT
	MOVBE
	AES
	PCLMUL
	SHA
	BMI1
	BMI2
	LZCNT
	ADX
	CX16
	LAHF64
	LM
	SYSCALL
	SYSENTER
	RDTSCP
	FSGSBASE
	SMAP
	INVPCID
	XSAVE
	XSAVEOPT
	XSAVEC
	XSAVES
	RDRAND
	RDSEED
	RDPID
	CLFLUSH
	CLFLUSHOPT
	CLWB
	MONITOR
	PREFETCHW
	PKU

	NumFeatures
)

var featureNames = [NumFeatures]string{
	I86: "8086", I186: "80186", I286: "80286", I386: "80386", I486: "80486", Pentium: "Pentium", P6: "P6",
	FPU: "FPU", CMOV: "CMOV", FCMOV: "FCMOV", MMX: "MMX", FXSR: "FXSR", SSE: "SSE", SSE2: "SSE2", SSE3: "SSE3",
	SSSE3: "SSSE3", SSE41: "SSE4.1", SSE42: "SSE4.2", POPCNT: "POPCNT", MOVBE: "MOVBE", AES: "AES", PCLMUL: "PCLMULQDQ",
	SHA: "SHA", BMI1: "BMI1", BMI2: "BMI2", LZCNT: "LZCNT", ADX: "ADX", CX16: "CMPXCHG16B", LAHF64: "LAHF64",
	LM: "LM", SYSCALL: "SYSCALL", SYSENTER: "SEP", RDTSCP: "RDTSCP", FSGSBASE: "FSGSBASE", SMAP: "SMAP",
	INVPCID: "INVPCID", XSAVE: "XSAVE", XSAVEOPT: "XSAVEOPT", XSAVEC: "XSAVEC", XSAVES: "XSAVES", RDRAND: "RDRAND",
	RDSEED: "RDSEED", RDPID: "RDPID", CLFLUSH: "CLFLUSH", CLFLUSHOPT: "CLFLUSHOPT", CLWB: "CLWB",
	MONITOR: "MONITOR", PREFETCHW: "PREFETCHW", PKU: "PKU",
}

// String returns the name used in listings.
func (f Feature) String() string {
	if f < NumFeatures {
		return featureNames[f]
	}
	return "?"
}
