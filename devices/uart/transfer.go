package uart

// send is a write to THR.
func (u *UART) send(v uint8) {
	s := &u.state
	if len(s.TX) == u.capacity() {
		if s.MCR&mcrLoop != 0 {
			return // the transmit FIFO is full
		}
		// A guest that does not look at THRE would lose this on a real wire.
		u.transmit()
	}
	s.TX = append(s.TX, v)
	s.THREPending = false
	if !u.tx.Armed() {
		u.tx.After(txNS)
	}
}

// transmit sends all that was written: the transmitter is empty again.
func (u *UART) transmit() {
	s := &u.state
	out := s.TX
	s.TX = nil
	u.tx.Stop()
	switch {
	case s.MCR&mcrLoop != 0:
		for _, v := range out {
			u.arrive(rxChar{Byte: v})
		}
	case u.Out != nil && len(out) > 0:
		u.Out(out)
	}
	s.THREPending = true
	u.update()
}

// Flush sends what is still in the transmitter. The machine calls it before it
// ends a run, so that a guest's last words are not lost.
func (u *UART) Flush() {
	if len(u.state.TX) > 0 {
		u.transmit()
	}
}

// arrive puts a character into the receive FIFO. A full FIFO keeps what it has
// and the character is lost; without FIFOs it overwrites (datasheet, LSR bit 1).
func (u *UART) arrive(c rxChar) {
	s := &u.state
	if len(s.RX) == u.capacity() {
		s.LineErr |= lsrOE
		if !u.fifo() {
			s.RX = []rxChar{c}
		}
	} else {
		s.RX = append(s.RX, c)
		if len(s.RX) == 1 {
			s.LineErr |= c.Err // errors show when their character is at the top
		}
	}
	if u.fifo() {
		u.timeout.After(timeoutNS)
	}
}

// receive is a read of RBR.
func (u *UART) receive() uint8 {
	s := &u.state
	if len(s.RX) == 0 {
		return 0
	}
	v := s.RX[0].Byte
	s.RX = s.RX[1:]
	s.TimedOut = false
	u.timeout.Stop()
	if len(s.RX) > 0 {
		s.LineErr |= s.RX[0].Err
		if u.fifo() {
			u.timeout.After(timeoutNS)
		}
	}
	u.wantFill()
	u.update()
	return v
}

// timedOut is the character timeout: nothing came or went for four character
// times while something waits.
func (u *UART) timedOut() {
	u.state.TimedOut = len(u.state.RX) > 0
	u.update()
}

// Receive takes bytes for the guest and returns how many it accepted.
func (u *UART) Receive(p []byte) int {
	s := &u.state
	n := min(len(p), hostSize-len(s.Host))
	for _, v := range p[:n] {
		s.Host = append(s.Host, rxChar{Byte: v})
	}
	s.Refused = s.Refused || n < len(p)
	u.wantFill()
	return n
}

// Break sends a break condition; it reports false when the queue is full.
func (u *UART) Break() bool {
	s := &u.state
	if len(s.Host) == hostSize {
		return false
	}
	s.Host = append(s.Host, rxChar{0, lsrBI})
	u.wantFill()
	return true
}

// ready reports whether the guest would take a character from the wire now.
func (u *UART) ready() bool {
	s := &u.state
	return s.MCR&mcrLoop == 0 && len(s.RX) < u.capacity() && (!s.RTSUsed || s.MCR&mcrRTS != 0)
}

// wantFill arms the next fill of the receive FIFO.
func (u *UART) wantFill() {
	if len(u.state.Host) > 0 && !u.rx.Armed() && u.ready() {
		u.rx.After(rxNS)
	}
}

// fill moves what fits from the host's queue into the receive FIFO.
func (u *UART) fill() {
	s := &u.state
	for len(s.Host) > 0 && u.ready() {
		u.arrive(s.Host[0])
		s.Host = s.Host[1:]
	}
	u.update()
	u.wantFill()
	if s.Refused && len(s.Host) <= hostSize/2 {
		s.Refused = false
		if u.OnRoom != nil {
			u.OnRoom()
		}
	}
}
