package jit

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/cpu"
)

// Supported says why this host cannot run translated code, or nil.
func Supported() error {
	switch {
	case !cpu.X86.HasBMI2:
		return errors.New("the host's processor has no BMI2")
	case hostVendor() != "AuthenticAMD" && hostVendor() != "GenuineIntel":
		// Flags that the manual leaves undefined must be the interpreter's; host
		// code relies on what these makers' processors do with some of them.
		return errors.New("what the host's processor does with undefined flags is known for AMD's and Intel's only")
	}
	return nil
}

// hostStepsOF tells that shifts and rotations by more than 1 leave OF as the last
// of single steps does. AMD's processors do; Intel's do so for some only.
var hostStepsOF = hostVendor() == "AuthenticAMD"

// hostVendor is the vendor string of CPUID leaf 0.
func hostVendor() string {
	ebx, edx, ecx := vendor()
	b := binary.LittleEndian.AppendUint32(nil, ebx)
	b = binary.LittleEndian.AppendUint32(b, edx)
	return string(binary.LittleEndian.AppendUint32(b, ecx))
}

// vendor executes CPUID with EAX 0.
func vendor() (ebx, edx, ecx uint32)
