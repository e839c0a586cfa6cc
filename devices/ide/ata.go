package ide

// maxMultiple is the largest block of READ/WRITE MULTIPLE in sectors.
const maxMultiple = 16

// ataCommand is a row of the command table.
type ataCommand struct {
	run                       func(d *drive, c *ataCommand)
	ext, write, dma, multiple bool
	cd                        bool // a CD drive knows it too
}

// ataCommands is ATA/ATAPI-6, clause 8, with the aliases of ATA-1. What is
// missing is aborted.
var ataCommands = func() (t [256]*ataCommand) {
	transfer, verify := (*drive).transfer, (*drive).verify
	for code, c := range map[byte]ataCommand{
		0x20: {run: transfer},                                         // READ SECTOR(S)
		0x21: {run: transfer},                                         // without retry
		0x24: {run: transfer, ext: true},                              // READ SECTOR(S) EXT
		0x25: {run: transfer, ext: true, dma: true},                   // READ DMA EXT
		0x29: {run: transfer, ext: true, multiple: true},              // READ MULTIPLE EXT
		0x30: {run: transfer, write: true},                            // WRITE SECTOR(S)
		0x31: {run: transfer, write: true},                            // without retry
		0x34: {run: transfer, write: true, ext: true},                 // WRITE SECTOR(S) EXT
		0x35: {run: transfer, write: true, ext: true, dma: true},      // WRITE DMA EXT
		0x39: {run: transfer, write: true, ext: true, multiple: true}, // WRITE MULTIPLE EXT
		0x3c: {run: transfer, write: true},                            // WRITE VERIFY (ATA-1)
		0xc4: {run: transfer, multiple: true},                         // READ MULTIPLE
		0xc5: {run: transfer, write: true, multiple: true},            // WRITE MULTIPLE
		0xc8: {run: transfer, dma: true},                              // READ DMA
		0xc9: {run: transfer, dma: true},                              // without retry
		0xca: {run: transfer, write: true, dma: true},                 // WRITE DMA
		0xcb: {run: transfer, write: true, dma: true},                 // without retry
		0x40: {run: verify},                                           // READ VERIFY SECTOR(S)
		0x41: {run: verify},                                           // without retry
		0x42: {run: verify, ext: true},                                // READ VERIFY SECTOR(S) EXT
		0x27: {run: (*drive).nativeMax, ext: true},                    // READ NATIVE MAX ADDRESS EXT
		0xf8: {run: (*drive).nativeMax},                               // READ NATIVE MAX ADDRESS
		0x91: {run: (*drive).initParams},                              // INITIALIZE DEVICE PARAMETERS
		0xc6: {run: (*drive).setMultiple},                             // SET MULTIPLE MODE
		0xe7: {run: (*drive).flush},                                   // FLUSH CACHE
		0xea: {run: (*drive).flush},                                   // FLUSH CACHE EXT
		0xec: {run: (*drive).identify},                                // IDENTIFY DEVICE
		0xef: {run: (*drive).setFeatures, cd: true},                   // SET FEATURES
	} {
		t[code] = &c
	}
	for i := range 16 {
		t[0x10+i] = &ataCommand{run: (*drive).recalibrate} // RECALIBRATE
		t[0x70+i] = &ataCommand{run: (*drive).seek}        // SEEK
	}
	for i, run := range []func(*drive, *ataCommand){
		(*drive).spinDown, (*drive).spinUp, (*drive).spinDown, (*drive).spinUp, nil, (*drive).checkPower, (*drive).spinDown,
	} { // STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, CHECK POWER MODE, SLEEP
		if run != nil {
			t[0xe0+i] = &ataCommand{run: run, cd: true}
		}
	}
	for i, j := range []int{0, 1, 2, 3, 5, 6} {
		t[0x94+i] = t[0xe0+j] // the same at their ATA-1 codes
	}
	return t
}()

// command starts a command. The caller checked BSY.
func (d *drive) command(cmd byte) {
	s := &d.s
	d.setIntRQ(false)
	s.Error, s.RdEnd, s.WrEnd, s.Remain = 0, 0, 0, 0
	s.FromBuf, s.Write, s.Ext, s.DMAWait, s.InPacket = false, false, false, false, false
	if d.kind == CDROM {
		d.atapiCommand(cmd)
		return
	}
	if c := ataCommands[cmd]; c != nil {
		s.Ext = c.ext
		c.run(d, c)
		return
	}
	d.abort()
}

// address decodes the registers into the first sector and the number of them.
// ok is false when that is not wholly on the disk.
func (d *drive) address(ext bool) (lba, count int64, ok bool) {
	r := &d.s.Reg
	low, mid, high := int64(r[rLow][0]), int64(r[rMid][0]), int64(r[rHigh][0])
	count = int64(r[rCount][0])
	head := int64(d.s.Device & 0x0f)
	switch {
	case ext:
		count |= int64(r[rCount][1]) << 8
		if count == 0 {
			count = 0x10000
		}
		lba = low | mid<<8 | high<<16 | int64(r[rLow][1])<<24 | int64(r[rMid][1])<<32 | int64(r[rHigh][1])<<40
		return lba, count, lba+count <= d.sectors()
	case d.s.Device&0x40 != 0:
		lba = low | mid<<8 | high<<16 | head<<24
	case low == 0 || low > int64(d.s.Sectors) || head >= int64(d.s.Heads):
		return 0, 0, false
	default:
		lba = ((mid|high<<8)*int64(d.s.Heads)+head)*int64(d.s.Sectors) + low - 1
	}
	if count == 0 {
		count = 256
	}
	return lba, count, lba+count <= d.sectors()
}

// setAddress shows a sector's address in the registers, in the terms the
// command used.
func (d *drive) setAddress(lba int64) {
	r := &d.s.Reg
	set := func(low, mid, high int64) {
		r[rLow][0], r[rMid][0], r[rHigh][0] = byte(low), byte(mid), byte(high)
	}
	switch {
	case d.s.Ext:
		set(lba, lba>>8, lba>>16)
		r[rLow][1], r[rMid][1], r[rHigh][1] = byte(lba>>24), byte(lba>>32), byte(lba>>40)
		return
	case d.s.Device&0x40 != 0:
		set(lba, lba>>8, lba>>16)
		d.s.Device = d.s.Device&^0x0f | byte(lba>>24)&0x0f
	case d.s.Sectors != 0 && d.s.Heads != 0:
		spt, heads := int64(d.s.Sectors), int64(d.s.Heads)
		cyl := lba / spt / heads
		set(lba%spt+1, cyl, cyl>>8)
		d.s.Device = d.s.Device&^0x0f | byte(lba/spt%heads)
	}
	r[rCount][0] = byte((d.s.Remain + 511) / 512)
}

func (d *drive) sectors() int64 { return d.media.Size() / 512 }

// transfer is every command that moves sectors.
func (d *drive) transfer(c *ataCommand) {
	s := &d.s
	s.Write = c.write
	lba, count, ok := d.address(c.ext)
	switch {
	case !ok:
		d.finish(stIdle|stERR, erIDNF)
		return
	case c.write && d.media.ReadOnly(), c.multiple && s.Multiple == 0:
		d.abort()
		return
	}
	s.Standby = false
	s.Off, s.Remain, s.Block = lba*512, count*512, 512
	if c.multiple {
		s.Block = 512 * int64(s.Multiple)
	}
	switch {
	case c.dma:
		d.busy(stepDMA, commandDelay+uint64(s.Remain)) // 1 GB/s
	case c.write:
		d.demand(int(min(s.Remain, s.Block)))
	default:
		d.busy(stepRead, commandDelay)
	}
}

func (d *drive) verify(c *ataCommand) {
	if _, _, ok := d.address(c.ext); !ok {
		d.finish(stIdle|stERR, erIDNF)
		return
	}
	d.ok()
}

func (d *drive) seek(*ataCommand) {
	d.s.Reg[rCount] = [2]byte{1} // SEEK has an address, no count
	d.verify(&ataCommand{})
}

func (d *drive) recalibrate(*ataCommand) {
	d.s.Reg[rMid], d.s.Reg[rHigh] = [2]byte{}, [2]byte{}
	d.ok()
}

func (d *drive) nativeMax(c *ataCommand) {
	last := d.sectors() - 1
	if !c.ext {
		last = min(last, 0x0ffffffe)
	}
	d.setAddress(last)
	d.ok()
}

// initParams sets the translation of CHS commands, INT 13h's or the driver's.
func (d *drive) initParams(*ataCommand) {
	sectors := int(d.s.Reg[rCount][0])
	if sectors == 0 {
		d.abort()
		return
	}
	d.s.Heads, d.s.Sectors = int(d.s.Device&0x0f)+1, sectors
	d.ok()
}

func (d *drive) setMultiple(*ataCommand) {
	n := d.s.Reg[rCount][0]
	if n > maxMultiple || n&(n-1) != 0 {
		d.s.Multiple = 0
		d.abort()
		return
	}
	d.s.Multiple = n
	d.ok()
}

func (d *drive) flush(*ataCommand) { d.busy(stepFlush, commandDelay) }

func (d *drive) spinDown(*ataCommand) { d.s.Standby = true; d.ok() }
func (d *drive) spinUp(*ataCommand)   { d.s.Standby = false; d.ok() }

func (d *drive) checkPower(*ataCommand) {
	d.s.Reg[rCount][0] = 0xff // active or idle
	if d.s.Standby {
		d.s.Reg[rCount][0] = 0
	}
	d.ok()
}

// setFeatures is SET FEATURES (ATA/ATAPI-6, 8.46).
func (d *drive) setFeatures(*ataCommand) {
	switch d.s.Reg[rFeature][0] {
	case 0x02, 0x82: // write cache on, off
		d.s.NoCache = d.s.Reg[rFeature][0] == 0x82
	case 0x03: // transfer mode
		mode := d.s.Reg[rCount][0]
		switch {
		case mode <= 0x01, mode >= 0x08 && mode <= 0x0c, mode >= 0x20 && mode <= 0x22, mode >= 0x40 && mode <= 0x45:
			d.s.XferMode = mode
		default:
			d.abort()
			return
		}
	case 0x55, 0xaa, 0x66, 0xcc: // read look-ahead off, on; power-on defaults kept or not by SRST
	default:
		d.abort()
		return
	}
	d.ok()
}
