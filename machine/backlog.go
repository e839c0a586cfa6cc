package machine

// SerialBacklog is how many bytes of SerialInput the guest has not taken yet:
// whoever feeds it from a file waits while there are many.
func (m *Machine) SerialBacklog(port int) (n int) {
	m.Do(func() { n = len(m.serial[port]) })
	return n
}
