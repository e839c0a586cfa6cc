package cpu

import "fmt"

// Restore puts the processor into a state that Pull gave. It drives no pins:
// what is connected to them is restored by itself.
func (c *CPU) Restore(s *State) error {
	if s.Shadow > 2 || s.RFLAGS&Flag1 == 0 || s.RFLAGS>>22 != 0 {
		return fmt.Errorf("saved RFLAGS %#x or interrupt shadow %d is impossible", s.RFLAGS, s.Shadow)
	}
	for i := 16; i < len(s.GPR); i++ {
		if s.GPR[i] != 0 {
			return fmt.Errorf("saved register %d, which does not exist, is not zero", i)
		}
	}
	c.State = *s
	c.heldDB = 0
	c.x87.ferr = c.ferrLevel()
	c.Refresh()
	return nil
}
