package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// bootEntry is the default entry of an El Torito boot catalog (Phoenix and IBM,
// "El Torito" Bootable CD-ROM Format Specification 1.0).
type bootEntry struct {
	media       byte // 0 none, 1 1.2M, 2 1.44M, 3 2.88M, 4 hard disk
	segment     uint16
	sectorCount uint16
	lba         uint32
}

const cdSector = 2048

// readCatalog finds the default boot entry of a CD.
func readCatalog(cd *unit) (bootEntry, error) {
	var e bootEntry
	if cd.media == nil {
		return e, errors.New("no disc")
	}
	p := make([]byte, cdSector)
	if cd.readSectors(17, p) != diskOK {
		return e, errors.New("too short for a boot record")
	}
	if p[0] != 0 || string(p[1:6]) != "CD001" || string(p[7:30]) != "EL TORITO SPECIFICATION" {
		return e, errors.New("no El Torito boot record")
	}
	catalog := binary.LittleEndian.Uint32(p[0x47:])
	if cd.readSectors(int64(catalog), p) != diskOK {
		return e, fmt.Errorf("boot catalog at sector %d is outside the disc", catalog)
	}
	var check uint16
	for i := 0; i < 32; i += 2 {
		check += binary.LittleEndian.Uint16(p[i:])
	}
	if p[0] != 1 || p[0x1e] != 0x55 || p[0x1f] != 0xaa || check != 0 {
		return e, errors.New("boot catalog is damaged")
	}
	d := p[0x20:]
	if d[0] != 0x88 {
		return e, errors.New("default boot entry is not bootable")
	}
	e.media = d[1] & 0x0f
	e.segment = binary.LittleEndian.Uint16(d[2:])
	if e.segment == 0 {
		e.segment = 0x07c0
	}
	e.sectorCount = max(binary.LittleEndian.Uint16(d[6:]), 1)
	e.lba = binary.LittleEndian.Uint32(d[8:])
	if e.media > 4 {
		return e, fmt.Errorf("unknown boot medium type %d", e.media)
	}
	return e, nil
}

// bootCD loads the boot image of CD drive i and starts it.
func (f *frame) bootCD(i int) error {
	cd := f.b.drives(CDROM)[i]
	e, err := readCatalog(cd)
	if err != nil {
		return err
	}
	em := emulation{Active: true, Media: e.media, CD: byte(i), LBA: e.lba, Segment: e.segment, SectorCount: e.sectorCount}
	switch e.media {
	case 0:
		em.Drive = firstCD + byte(i)
	case 1, 2, 3:
		em.Cyls, em.Heads, em.Sectors = 80, 2, [...]uint16{15, 18, 36}[e.media-1]
	case 4:
		mbr := make([]byte, cdSector)
		if cd.readSectors(int64(e.lba), mbr) != diskOK {
			return errors.New("boot image is outside the disc")
		}
		g := partitionGeometry(mbr)
		if g.sectors == 0 || g.cyls > 1024 {
			return errors.New("hard disk image on the CD has no valid partition table")
		}
		em.Drive, em.Cyls, em.Heads, em.Sectors = 0x80, uint16(g.cyls), uint16(g.heads), uint16(g.sectors)
	}
	n := (int(e.sectorCount)*sectorSize + cdSector - 1) / cdSector
	if int(e.segment)<<4+int(e.sectorCount)*sectorSize > ebdaSeg<<4 {
		return fmt.Errorf("boot image of %d sectors does not fit below 640 KiB at segment %04X", e.sectorCount, e.segment)
	}
	p := make([]byte, n*cdSector)
	if cd.readSectors(int64(e.lba), p) != diskOK {
		return errors.New("boot image is outside the disc")
	}
	f.write(lin(e.segment, 0), p[:int(e.sectorCount)*sectorSize])
	f.b.state.Emul = em
	if em.Media >= 1 && em.Media <= 3 {
		f.wr16(bdaEquipment, f.rd16(bdaEquipment)&^0xc1|1|uint16(min(f.b.count(Floppy), 4)-1)<<6)
	}
	f.wr8(bdaDiskCount, f.b.count(HardDisk))
	if e.segment == 0x07c0 {
		f.jump(0, 0x7c00)
	} else {
		f.jump(e.segment, 0)
	}
	f.setB0(rDX, em.Drive)
	return nil
}

// elTorito is INT 13h AH=4Ah-4Dh.
func (f *frame) elTorito() byte {
	e := &f.b.state.Emul
	packet := lin(f.ds, f.si())
	switch f.ah() {
	case 0x4b: // end emulation (AL=0) or just tell (AL=1)
		if !e.Active || f.dl() != 0x7f && f.dl() != e.Drive {
			return diskBadCommand
		}
		f.write(packet, e.packet())
		if f.al() == 0 && e.Media != 0 {
			*e = emulation{}
			f.wr8(bdaDiskCount, f.b.count(HardDisk))
			eq := f.rd16(bdaEquipment) &^ 0xc1
			if n := f.b.count(Floppy); n > 0 {
				eq |= 1 | uint16(min(n, 4)-1)<<6
			}
			f.wr16(bdaEquipment, eq)
		}
		return diskOK
	case 0x4d: // boot catalog sectors: packet 08h, count, first, buffer
		cds := f.b.drives(CDROM)
		i := int(e.CD)
		if f.dl() >= firstCD {
			i = int(f.dl() - firstCD)
		}
		if i >= len(cds) {
			return diskBadCommand
		}
		p := make([]byte, cdSector)
		if cds[i].readSectors(17, p) != diskOK || string(p[7:30]) != "EL TORITO SPECIFICATION" {
			return diskBadCommand
		}
		catalog := int64(binary.LittleEndian.Uint32(p[0x47:]))
		return f.transfer(cds[i], catalog+int64(f.rd8(packet+3)), int(f.rd8(packet+1)), lin(f.rd16(packet+6), f.rd16(packet+4)), false)
	}
	return diskBadCommand // AH=4Ah and 4Ch start images other than the default: none are offered
}

// packet is the specification packet.
func (e *emulation) packet() []byte {
	p := make([]byte, 0x13)
	p[0], p[1], p[2] = 0x13, e.Media, e.Drive
	p[3] = e.CD >> 1
	binary.LittleEndian.PutUint32(p[4:], e.LBA)
	binary.LittleEndian.PutUint16(p[8:], uint16(e.CD&1))
	binary.LittleEndian.PutUint16(p[12:], e.Segment)
	binary.LittleEndian.PutUint16(p[14:], e.SectorCount)
	if e.Media != 0 {
		p[16] = byte(e.Cyls - 1)
		p[17] = byte((e.Cyls-1)>>8)<<6 | byte(e.Sectors)
		p[18] = byte(e.Heads - 1)
	}
	return p
}
