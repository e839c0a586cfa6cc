package bus

// tapped stands before a port's owner and lets somebody listen.
type tapped struct {
	PortDevice
	off  uint16 // of the port in its owner's range
	hear func(size int, v uint32)
}

func (t *tapped) WritePort(off uint16, size int, v uint32) {
	if off == t.off {
		t.hear(size, v)
	}
	t.PortDevice.WritePort(off, size, v)
}

// nobody owns a port that is only listened to.
type nobody struct{}

func (nobody) ReadPort(uint16, int) uint32   { return 0xffffffff }
func (nobody) WritePort(uint16, int, uint32) {}

// Tap lets hear know of every write that begins at port, like the card in a slot
// that shows POST codes; the port's owner gets it as before.
func (b *Bus) Tap(port uint16, hear func(size int, v uint32)) {
	r := &PortRange{bus: b, Owner: "tap", Base: port, N: 1, width: Byte, dev: nobody{}}
	if o := b.ports[port]; o != nil {
		c := *o
		r = &c
	}
	r.dev = &tapped{r.dev, port - r.Base, hear}
	b.ports[port] = r
}
