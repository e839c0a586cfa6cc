package machine

import "g86/cpu"

// quantum is how many instructions a processor runs before the next one's turn.
// Turns depend on nothing but instruction counts, so several processors are as
// deterministic as one.
const quantum = 10000

// kvmQuantum is the same under KVM, where a turn costs more: a millisecond.
const kvmQuantum = 500_000

func (m *Machine) quantum() uint64 {
	if m.engine.kvm != nil {
		return kvmQuantum
	}
	return quantum
}

// next is the processor to run: the one whose turn it is, or else the first
// runnable one after it. nil: all are idle.
func (m *Machine) next() *cpu.CPU {
	s := &m.state
	if s.Left == 0 {
		s.Current, s.Left = (s.Current+1)%len(m.cpus), m.quantum()
	}
	for range m.cpus {
		if c := m.cpus[s.Current]; c.Runnable() {
			return c
		}
		s.Current, s.Left = (s.Current+1)%len(m.cpus), m.quantum()
	}
	return nil
}

// endTurn books n instructions; a processor that halts gives up its turn.
func (m *Machine) endTurn(exit cpu.Exit, n uint64) {
	s := &m.state
	s.Left -= min(s.Left, n)
	if exit == cpu.ExitHalt {
		s.Left = 0
	}
	if len(m.cpus) == 1 {
		s.Left = m.quantum()
	}
}
