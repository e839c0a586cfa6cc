package machine

import (
	"g86/devices/disk"
	"g86/devices/floppy"
	"g86/devices/ide"
	"g86/devices/irq"
	"g86/firmware"
)

// place is a drive's end of an IDE cable.
type place struct{ channel, unit int }

// Where disks and CDs go, first choice first: the first CD is the secondary
// master, as on most machines.
var (
	diskPlaces = []place{{0, 0}, {0, 1}, {1, 1}, {1, 0}}
	cdPlaces   = []place{{1, 0}, {1, 1}, {0, 1}, {0, 0}}
)

// drive is an image and where it is attached.
type drive struct {
	image *disk.Image // nil: an empty drive
	at    place
}

// openDrives opens the images of all drives and decides where they go.
func (m *Machine) openDrives() error {
	b := &m.boot
	taken := map[place]bool{}
	attach := func(specs []string, media disk.Media, places []place) ([]drive, error) {
		var l []drive
		for _, spec := range specs {
			i, err := m.openImage(spec, media)
			if err != nil {
				return nil, err
			}
			at, ok := free(places, taken)
			if !ok {
				return nil, configError("%s: there is room for four disks and CDs together; leave some out", i.Name())
			}
			l = append(l, drive{i, at})
		}
		return l, nil
	}
	var err error
	if b.disks, err = attach(m.cfg.Disks, disk.HardDisk, diskPlaces); err != nil {
		return err
	}
	if b.cds, err = attach(m.cfg.CDROMs, disk.CDROM, cdPlaces); err != nil {
		return err
	}
	if len(b.cds) == 0 && !taken[cdPlaces[0]] {
		b.cds = []drive{{nil, cdPlaces[0]}}
	}
	if len(m.cfg.Floppies) > 2 {
		return configError("%d floppies: there is room for two; leave some out", len(m.cfg.Floppies))
	}
	for _, spec := range m.cfg.Floppies {
		i, err := m.openImage(spec, disk.Floppy)
		if err != nil {
			return err
		}
		b.floppies = append(b.floppies, drive{image: i})
	}
	if len(b.floppies) == 0 {
		b.floppies = []drive{{}}
	}
	return nil
}

func free(places []place, taken map[place]bool) (place, bool) {
	for _, p := range places {
		if !taken[p] {
			taken[p] = true
			return p, true
		}
	}
	return place{}, false
}

func (m *Machine) openImage(spec string, media disk.Media) (*disk.Image, error) {
	path, opts, err := disk.ParseSpec(spec)
	if err != nil {
		return nil, &ConfigError{StatusUsage, err}
	}
	opts.Media = media
	i, err := disk.Open(path, opts)
	if err != nil {
		return nil, asConfig(err)
	}
	m.images = append(m.images, i)
	return i, nil
}

// backend avoids an interface around a nil pointer.
func (d drive) backend() disk.Backend {
	if d.image == nil {
		return nil
	}
	return d.image
}

// buildDrives makes the two drive controllers and attaches the drives.
func (m *Machine) buildDrives(in func(int) irq.Line) error {
	var w wiring
	m.ide = ide.New("ide", m.bus, m.clk, [2]irq.Line{in(irqIDE), in(irqIDE + 1)})
	w.do(m.ide.Map(m.bus))
	w.do(m.pci.Add(m.ide.PCI(), 1, 1))
	for _, d := range m.boot.disks {
		w.do(m.ide.Attach(d.at.channel, d.at.unit, ide.Disk, d.backend()))
	}
	for _, d := range m.boot.cds {
		w.do(m.ide.Attach(d.at.channel, d.at.unit, ide.CDROM, d.backend()))
	}
	m.floppy = floppy.New("fdc", m.dma.Channel(floppy.DMAChannel), in(irqFloppy), m.clk)
	w.do(m.floppy.Map(m.bus, floppy.BasePort))
	for n, d := range m.boot.floppies {
		w.do(m.floppy.Attach(n, d.backend()))
	}
	return w.err
}

// biosDrives describes the drives to the firmware, which asks for the medium
// when it needs it.
func (m *Machine) biosDrives() []firmware.Drive {
	medium := func(get func() disk.Backend) func() firmware.Disk {
		return func() firmware.Disk {
			if b := get(); b != nil {
				return b
			}
			return nil
		}
	}
	var l []firmware.Drive
	for n, d := range m.boot.floppies {
		typ := byte(4) // 1.44 MB
		if d.image != nil {
			typ = disk.FloppyFormatFor(d.image.Size()).DriveType
		}
		l = append(l, firmware.Drive{Kind: firmware.Floppy, Type: typ,
			Media: medium(func() disk.Backend { return m.floppy.Media(n) })})
	}
	ideMedium := func(at place) func() firmware.Disk {
		return medium(func() disk.Backend { return m.ide.Media(at.channel, at.unit) })
	}
	for _, d := range m.boot.disks {
		_, g := disk.Geometry(d.image)
		l = append(l, firmware.Drive{Kind: firmware.HardDisk, Channel: d.at.channel, Unit: d.at.unit, Media: ideMedium(d.at),
			Cylinders: g.Cylinders, Heads: g.Heads, Sectors: g.Sectors})
	}
	for _, d := range m.boot.cds {
		l = append(l, firmware.Drive{Kind: firmware.CDROM, Channel: d.at.channel, Unit: d.at.unit, Media: ideMedium(d.at)})
	}
	return l
}
