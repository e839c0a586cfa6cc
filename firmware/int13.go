package firmware

import "encoding/binary"

// int13 is the disk interrupt.
func (f *frame) int13() {
	u := f.b.find(f.dl())
	status := f.disk(u)
	if f.dl() < 0x80 {
		f.wr8(bdaFloppyStat, status)
	} else {
		f.wr8(bdaDiskStat, status)
	}
	f.set(flagCF, status != diskOK)
}

// statusIn is where the last status of a drive is kept.
func statusIn(dl byte) uint64 {
	if dl < 0x80 {
		return bdaFloppyStat
	}
	return bdaDiskStat
}

// done returns a status in AH.
func (f *frame) done(status byte) byte {
	f.setAH(status)
	return status
}

func (f *frame) disk(u *unit) byte {
	switch f.ah() {
	case 0x4a, 0x4b, 0x4c, 0x4d:
		return f.done(f.elTorito())
	case 0x01:
		return f.done(f.rd8(statusIn(f.dl())))
	case 0x08:
		return f.driveParameters(u)
	case 0x15:
		return f.driveType(u)
	case 0x00:
		if f.dl() < 0x80 {
			f.wr8(bdaFloppyCal, 0)
		}
	}
	if u == nil {
		if f.dl() < 0x80 {
			return f.done(diskTimeout)
		}
		return f.done(diskBadCommand)
	}
	switch fn := f.ah(); fn {
	case 0x00, 0x0d: // reset
		return f.done(diskOK)
	case 0x02, 0x03, 0x04:
		return f.transferCHS(u)
	case 0x05: // format a track: sectors keep what they hold
		switch {
		case u.media == nil:
			return f.done(diskNotReady)
		case u.readOnly:
			return f.done(diskProtected)
		}
		return f.done(diskOK)
	case 0x09, 0x0c, 0x10, 0x11, 0x14: // initialize, seek, ready?, recalibrate, diagnose
		if u.kind == Floppy {
			return f.done(diskBadCommand)
		}
		return f.done(diskOK)
	case 0x16: // disk change line
		if u.kind != Floppy {
			return f.done(diskBadCommand)
		}
		if u.media == nil {
			return f.done(diskTimeout)
		}
		return f.done(diskOK)
	case 0x17, 0x18:
		return f.mediaType(u)
	}
	if f.ah() >= 0x41 && f.ah() <= 0x49 || f.ah() == 0x4e {
		return f.edd(u)
	}
	return f.done(diskBadCommand)
}

// transferCHS is read, write and verify (AH=02h-04h).
func (f *frame) transferCHS(u *unit) byte {
	n := int(f.al())
	lba, ok := u.lbaOf(f)
	write := f.ah() == 0x03
	status := byte(diskOK)
	switch {
	case u.sector != sectorSize || n == 0:
		status = diskBadCommand
	case u.media == nil && u.kind == Floppy:
		status = diskTimeout
	case !ok:
		status = diskNotFound
	case f.ah() == 0x04:
		status = u.readSectors(lba, make([]byte, n*sectorSize))
	default:
		status = f.transfer(u, lba, n, lin(f.es, f.bx()), write)
	}
	if status != diskOK {
		f.setAL(0)
	}
	return f.done(status)
}

// transfer moves n sectors between the drive and linear address at.
func (f *frame) transfer(u *unit, lba int64, n int, at uint64, write bool) byte {
	p := make([]byte, n*u.sector)
	if write {
		f.read(at, p)
		return u.writeSectors(lba, p)
	}
	status := u.readSectors(lba, p)
	if status == diskOK {
		f.write(at, p)
	}
	return status
}

// driveParameters is AH=08h.
func (f *frame) driveParameters(u *unit) byte {
	floppy := f.dl() < 0x80
	if u == nil || u.kind == CDROM {
		if floppy { // succeeds with zeros, as on the AT
			f.setLo(rBX, 0)
			f.setLo(rCX, 0)
			f.setLo(rDX, uint16(f.b.count(Floppy)))
			return f.done(diskOK)
		}
		return f.done(0x07)
	}
	if floppy {
		t := byte(4)
		if u.drive != nil && u.drive.Kind == Floppy {
			t = u.drive.Type
		} else if u.sectors == 15 {
			t = 2
		} else if u.sectors == 36 {
			t = 5
		}
		f.setLo(rBX, uint16(t))
		f.es = ROMBase >> 4
		f.setLo(rDI, atFloppyTab)
		if u.cyls == 0 { // no medium: the largest that the drive takes
			g := [...]chs{{}, {40, 2, 9}, {80, 2, 15}, {80, 2, 9}, {80, 2, 18}, {80, 2, 36}}[min(t, 5)]
			u.cyls, u.heads, u.sectors = g.cyls, g.heads, g.sectors
		}
	}
	if u.cyls == 0 {
		return f.done(0x07)
	}
	last := u.cyls - 1
	f.setLo(rCX, uint16(last&0xff)<<8|uint16(last>>8&3)<<6|uint16(u.sectors))
	f.setLo(rDX, uint16(u.heads-1)<<8|uint16(f.b.count(u.kind)))
	f.setAL(0)
	return f.done(diskOK)
}

// driveType is AH=15h: the type replaces the status in AH.
func (f *frame) driveType(u *unit) byte {
	switch {
	case u == nil || u.kind == CDROM:
		f.setAX(0)
		if f.dl() >= 0x80 {
			return diskBadCommand
		}
	case u.kind == Floppy:
		f.setAH(1) // no change line
	default:
		f.setAH(3)
		n := uint32(min(u.total(), int64(u.cyls*u.heads*u.sectors)))
		f.setLo(rCX, uint16(n>>16))
		f.setLo(rDX, uint16(n))
	}
	return diskOK
}

// mediaType is AH=17h and 18h: choose the format for the next AH=05h.
func (f *frame) mediaType(u *unit) byte {
	if u.kind != Floppy {
		return f.done(diskBadCommand)
	}
	if f.ah() == 0x18 {
		sectors, cyl := int(f.cl()&0x3f), int(f.ch())|int(f.cl()&0xc0)<<2
		if sectors != u.sectors || cyl != u.cyls-1 {
			return f.done(diskBadMedia)
		}
		f.es = ROMBase >> 4
		f.setLo(rDI, atFloppyTab)
	}
	return f.done(diskOK)
}

// edd is the Enhanced Disk Drive interface (INCITS 363, "BIOS Enhanced Disk
// Drive Services", version 3.0).
func (f *frame) edd(u *unit) byte {
	if u.kind == Floppy {
		return f.done(diskBadCommand)
	}
	packet := lin(f.ds, f.si())
	switch f.ah() {
	case 0x41:
		if f.bx() != 0x55aa {
			return f.done(diskBadCommand)
		}
		f.setLo(rBX, 0xaa55)
		f.setLo(rCX, 0x0007) // packet access, locking and ejecting, EDD
		f.setAH(0x30)
		return diskOK
	case 0x42, 0x43, 0x44:
		return f.done(f.transferLBA(u, packet))
	case 0x45: // lock or unlock: nothing can be ejected
		f.setAL(0)
		if u.kind == CDROM {
			return f.done(diskOK)
		}
		return f.done(diskBadCommand)
	case 0x46:
		return f.done(diskNotEject)
	case 0x47:
		return f.done(diskOK)
	case 0x48:
		return f.done(f.eddParameters(u, packet))
	case 0x49: // has the medium changed?
		return f.done(diskOK)
	case 0x4e: // DMA and PIO modes need no choosing
		return f.done(diskOK)
	}
	return f.done(diskBadCommand)
}

// transferLBA reads, writes or verifies what a disk address packet says. On an
// error the packet's count becomes the number of sectors done: none.
func (f *frame) transferLBA(u *unit, packet uint64) byte {
	size := f.rd8(packet)
	if size < 0x10 {
		return diskBadCommand
	}
	n, ptr, lba := int(f.rd16(packet+2)), f.rd32(packet+4), f.rd64(packet+8)
	at := lin(uint16(ptr>>16), uint16(ptr))
	if ptr == 0xffffffff && size >= 0x18 {
		at = f.rd64(packet + 0x10)
	}
	status := byte(diskOK)
	switch {
	case u.media == nil:
		status = diskNotReady
	case lba > uint64(u.total()) || uint64(n) > uint64(u.total())-lba:
		status = diskNotFound
	case f.ah() == 0x44 || n == 0:
	default:
		// In pieces: a request may be 128 MiB for a CD.
		const piece = 128
		for done := 0; done < n && status == diskOK; done += piece {
			m := min(piece, n-done)
			status = f.transfer(u, int64(lba)+int64(done), m, at+uint64(done*u.sector), f.ah() == 0x43)
		}
	}
	if status != diskOK {
		f.wr16(packet+2, 0)
	}
	return status
}

// eddParameters fills the drive parameter table of AH=48h: 1Ah, 1Eh or 42h bytes.
func (f *frame) eddParameters(u *unit, at uint64) byte {
	room := f.rd16(at)
	if room < 0x1a {
		return diskBadCommand
	}
	if u.media == nil {
		return diskNotReady
	}
	t := make([]byte, 0x42)
	le := binary.LittleEndian
	n := 0x1a
	le.PutUint16(t[2:], 1<<0) // DMA boundary errors are handled
	if u.kind == CDROM {
		le.PutUint16(t[2:], 1<<0|1<<2|1<<4|1<<5|1<<6) // removable, change line, lockable, no medium geometry
		for i := 4; i < 16; i++ {
			t[i] = 0xff
		}
	} else {
		p := u.physical()
		if u.total() <= 16383*16*63 {
			le.PutUint16(t[2:], 1<<0|1<<1) // the geometry is valid
		}
		le.PutUint32(t[4:], uint32(p.cyls))
		le.PutUint32(t[8:], uint32(p.heads))
		le.PutUint32(t[12:], uint32(p.sectors))
	}
	le.PutUint64(t[16:], uint64(u.total()))
	le.PutUint16(t[24:], uint16(u.sector))
	if room >= 0x1e {
		n = 0x1e
		le.PutUint32(t[0x1a:], 0xffffffff) // no configuration parameters
	}
	if room >= 0x42 && u.drive != nil && u.offset == 0 {
		n = 0x42
		le.PutUint16(t[0x1e:], 0xbedd)
		t[0x20] = 36
		copy(t[0x24:], "PCI ")
		copy(t[0x28:], "ATA     ")
		t[0x30], t[0x31], t[0x32] = 0, 1<<3|1, byte(u.drive.Channel) // the PIIX3's IDE function
		t[0x38] = byte(u.drive.Unit)
		t[0x41] = -sum(t[0x1e:0x41])
	}
	le.PutUint16(t, uint16(n))
	f.write(at, t[:n])
	return diskOK
}
