package piix

// SMBus host controller (82371AB datasheet, 7.3), at SMBBA; an empty bus, where
// every transaction ends with DEV_ERR because nobody acknowledges its address.
//
//	00h  SMBHSTSTS  4 FAILED  3 BUS_ERR  2 DEV_ERR  1 INTER  0 HOST_BUSY   write one to clear
//	02h  SMBHSTCNT  6 START (write only)  4:2 protocol  1 KILL  0 INTEREN
//	03h  SMBHSTCMD  04h SMBHSTADD  05h SMBHSTDAT0  06h SMBHSTDAT1  07h SMBBLKDAT

const (
	smbSts     = 0
	smbCnt     = 2
	smbStart   = 1 << 6
	smbDevErr  = 1 << 2
	smbEvents  = 0x1e
	smbIRQ9    = 4 // INTRSEL in SMBHSTCFG
	smbIntEn   = 1
	smbLastReg = 7
)

type smbusState struct{ Reg [8]uint8 }

type smbusPorts struct{ m *PM }

// ReadPort implements bus.PortDevice.
func (p smbusPorts) ReadPort(off uint16, _ int) uint32 {
	if off > smbLastReg {
		return 0
	}
	return uint32(p.m.state.SMB.Reg[off])
}

// WritePort implements bus.PortDevice.
func (p smbusPorts) WritePort(off uint16, _ int, v uint32) {
	r := &p.m.state.SMB.Reg
	switch {
	case off == smbSts:
		r[smbSts] &^= uint8(v)
	case off == smbCnt:
		r[smbCnt] = uint8(v) &^ smbStart
		if v&smbStart != 0 {
			r[smbSts] |= smbDevErr
		}
	case off <= smbLastReg && off != 1:
		r[off] = uint8(v)
	}
	p.m.update()
}

func (m *PM) smbusIRQ() bool {
	r := &m.state.SMB.Reg
	return r[smbCnt]&smbIntEn != 0 && r[smbSts]&smbEvents != 0 && m.fn.Get(regSMBHSTCFG, 1)>>1&7 == smbIRQ9
}
