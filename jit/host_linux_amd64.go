package jit

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// Supported says why this host cannot run translated code, or nil.
func Supported() error {
	if err := hostLacks(); err != nil {
		return err
	}
	if hostKnown() {
		return nil
	}
	return Trial()
}

// hostLacks says what the host's processor does not have that all host code needs, or nil.
func hostLacks() error {
	if !cpu.X86.HasBMI2 {
		return errors.New("the host's processor has no BMI2")
	}
	return nil
}

// hostKnown tells that the processor is one whose undefined flags have been compared: AMD's or
// Intel's, unless QEMU's TCG acts as one (its signature stands in CPUID leaf 40000000h).
func hostKnown() bool {
	v := hostVendor()
	if v != "AuthenticAMD" && v != "GenuineIntel" {
		return false
	}
	if _, _, ecx, _ := cpuid(1, 0); ecx>>31&1 == 0 {
		return true // no hypervisor
	}
	_, ebx, _, _ := cpuid(0x40000000, 0)
	return ebx != binary.LittleEndian.Uint32([]byte("TCGT"))
}

// HostFeatures are the extensions of the host's processor that translated code uses:
// without BMI2 there is none, without another the interpreter runs its instructions.
func HostFeatures() (has, lacks []string) {
	for _, f := range []struct {
		name string
		has  bool
	}{{"BMI2", cpu.X86.HasBMI2}, {"AES", cpu.X86.HasAES}, {"PCLMULQDQ", cpu.X86.HasPCLMULQDQ}, {"SHA", hostHasSHA}} {
		if f.has {
			has = append(has, f.name)
		} else {
			lacks = append(lacks, f.name)
		}
	}
	return has, lacks
}

// hostFSGSBASE tells that programs may write the base of GS themselves (Linux 5.9 and later
// say so by bit 1 of AT_HWCAP2). Otherwise it takes a system call each time that host code
// is entered.
var hostFSGSBASE = func() bool {
	const atHWCAP2 = 26
	aux, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, a := range aux {
		if a[0] == atHWCAP2 {
			return a[1]>>1&1 != 0
		}
	}
	return false
}()

// archSetGS is ARCH_SET_GS of arch_prctl(2).
const archSetGS = 0x1001

// hostStepsOF tells that shifts and rotations by more than 1 leave OF as the last
// of single steps does. AMD's processors do; Intel's do so for some only. It is a guess until trial.
var hostStepsOF = hostVendor() == "AuthenticAMD"

// hostHasSHA tells that the host has the SHA extensions (CPUID.7.0:EBX bit 29).
var hostHasSHA = func() bool {
	most, _, _, _ := cpuid(0, 0)
	_, ebx, _, _ := cpuid(7, 0)
	return most >= 7 && ebx>>29&1 != 0
}()

// hostVendor is the vendor string of CPUID leaf 0.
func hostVendor() string {
	_, ebx, ecx, edx := cpuid(0, 0)
	b := binary.LittleEndian.AppendUint32(nil, ebx)
	b = binary.LittleEndian.AppendUint32(b, edx)
	return string(binary.LittleEndian.AppendUint32(b, ecx))
}

// cpuid executes CPUID.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)
