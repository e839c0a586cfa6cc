package jit

import (
	"errors"

	"golang.org/x/sys/cpu"
)

// hostMissing says what the host's processor lacks.
func hostMissing() error {
	if !cpu.X86.HasBMI2 {
		return errors.New("the host's processor has no BMI2")
	}
	return nil
}
