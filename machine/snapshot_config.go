package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"time"

	"g86/devices/disk"
)

// SnapshotInfo is what a snapshot tells about itself: its first section, JSON.
type SnapshotInfo struct {
	Version      string         `json:"version"` // of the g86 that wrote it
	Accel        string         `json:"accel"`
	Instructions uint64         `json:"instructions"`
	GuestNS      uint64         `json:"guest_ns"`
	Machine      SnapshotConfig `json:"machine"`
	Drives       []SavedDrive   `json:"drives,omitempty"`
	Files        []string       `json:"files,omitempty"` // in the order of the sections with their contents
	Firmware     string         `json:"firmware"`        // SHA-256 of all ROMs
}

// SnapshotConfig is Config without the host's side.
type SnapshotConfig struct {
	Memory        uint64    `json:"memory"`
	CPUs          int       `json:"cpus"`
	Model         string    `json:"model"`
	Kernel        string    `json:"kernel,omitempty"`
	Initrd        string    `json:"initrd,omitempty"`
	Append        string    `json:"append,omitempty"`
	Modules       []string  `json:"modules,omitempty"`
	Disks         []string  `json:"disks,omitempty"`
	CDROMs        []string  `json:"cdroms,omitempty"`
	Floppies      []string  `json:"floppies,omitempty"`
	Boot          string    `json:"boot,omitempty"`
	BIOS          string    `json:"bios,omitempty"`
	VGABIOS       string    `json:"vgabios,omitempty"`
	DebugCon      []uint16  `json:"debugcon,omitempty"`
	DebugExitPort uint16    `json:"debug_exit,omitempty"`
	ClockMode     string    `json:"clock"`
	Without       []string  `json:"without,omitempty"`
	Seed          uint64    `json:"seed"`
	RTC           time.Time `json:"rtc"`
	NoReboot      bool      `json:"no_reboot,omitempty"`
}

// SavedDrive identifies an image as it was when the snapshot was taken.
type SavedDrive struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Snapshot bool   `json:"snapshot"`    // the guest's writes are in the snapshot
	Modified int64  `json:"modified_ns"` // of the file, Unix time
}

// info describes the machine as it stands.
func (m *Machine) info() (SnapshotInfo, error) {
	accel, _ := m.Accel()
	i := SnapshotInfo{Version: Version, Accel: accel, Instructions: m.Count(), GuestNS: m.clk.Now(), Firmware: m.firmwareHash()}
	var err error
	if i.Machine, err = m.savedConfig(); err != nil {
		return i, err
	}
	for _, img := range m.images {
		if err := img.Flush(); err != nil {
			return i, &ConfigError{StatusHost, fmt.Errorf("disk image %s: cannot be flushed: %w", img.Name(), err)}
		}
		path, err := filepath.Abs(img.Name())
		if err != nil {
			return i, asConfig(err)
		}
		mod, err := img.Modified()
		if err != nil {
			return i, &ConfigError{StatusHost, fmt.Errorf("disk image %s: %w", img.Name(), err)}
		}
		i.Drives = append(i.Drives, SavedDrive{path, img.Size(), img.Snapshot(), mod})
	}
	for name := range m.boot.files {
		i.Files = append(i.Files, name)
	}
	sort.Strings(i.Files)
	return i, nil
}

// firmwareHash identifies the ROMs, which are not part of a snapshot.
func (m *Machine) firmwareHash() string {
	h := sha256.New()
	h.Write(m.rom)
	h.Write(m.big)
	h.Write(m.boot.vgaROM)
	return hex.EncodeToString(h.Sum(nil))
}

// savedConfig is the configuration under which New builds this board again: what
// New worked out is said outright, names of images are absolute.
func (m *Machine) savedConfig() (SnapshotConfig, error) {
	c := &m.cfg
	s := SnapshotConfig{Memory: c.Memory, CPUs: c.CPUs, Model: m.model.Name, Kernel: c.Kernel, Initrd: c.Initrd, Append: c.Append,
		Modules: c.Modules, BIOS: c.BIOS, VGABIOS: c.VGABIOS, DebugCon: debugPorts(c.DebugCon), DebugExitPort: c.DebugExitPort,
		ClockMode: c.ClockMode, Without: c.Without, Seed: c.Seed, RTC: c.RTC, NoReboot: c.NoReboot, Boot: m.boot.order.String()}
	for _, l := range []struct {
		from []string
		to   *[]string
	}{{c.Disks, &s.Disks}, {c.CDROMs, &s.CDROMs}, {c.Floppies, &s.Floppies}} {
		for _, spec := range l.from {
			spec, err := absoluteSpec(spec)
			if err != nil {
				return s, asConfig(err)
			}
			*l.to = append(*l.to, spec)
		}
	}
	return s, nil
}

// String is the order in the notation of Config.Boot.
func (o bootOrder) String() string {
	letters := map[string]string{"floppy": "a", "disk": "c", "cdrom": "d"}
	s := ""
	for _, k := range o.kinds {
		s += letters[k]
	}
	if o.menu {
		s = strings.TrimPrefix(s+",menu=on", ",")
	}
	return s
}

// absoluteSpec makes the file name of a drive's specification absolute.
func absoluteSpec(spec string) (string, error) {
	path, o, err := disk.ParseSpec(spec)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	s := strings.ReplaceAll(path, ",", ",,")
	if o.Snapshot {
		s += ",snapshot=on"
	}
	if o.ReadOnly {
		s += ",readonly=on"
	}
	return s, nil
}

// Config is that of the machine in the snapshot, with the host's side of host.
func (s *Snapshot) Config(host Config) Config {
	c := &s.info.Machine
	cfg := host
	cfg.Memory, cfg.CPUs, cfg.Model, cfg.Seed, cfg.RTC = c.Memory, c.CPUs, c.Model, c.Seed, c.RTC
	cfg.Image, cfg.Kernel, cfg.Initrd, cfg.Append, cfg.Modules = "", c.Kernel, c.Initrd, c.Append, c.Modules
	cfg.Disks, cfg.CDROMs, cfg.Floppies, cfg.Boot, cfg.BIOS, cfg.VGABIOS = c.Disks, c.CDROMs, c.Floppies, c.Boot, c.BIOS, c.VGABIOS
	cfg.DebugExitPort, cfg.Without = c.DebugExitPort, c.Without
	cfg.NoReboot = c.NoReboot || host.NoReboot
	if cfg.ClockMode == "" {
		cfg.ClockMode = c.ClockMode
	}
	ports := host.DebugCon
	cfg.DebugCon = nil
	for _, p := range c.DebugCon { // a port that nobody listens to is still there
		if cfg.DebugCon == nil {
			cfg.DebugCon = map[uint16]io.Writer{}
		}
		cfg.DebugCon[p] = ports[p]
	}
	return cfg
}

// hardware is the part of the configuration that decides whether a snapshot can
// be loaded into a machine that exists.
func (c SnapshotConfig) hardware() SnapshotConfig {
	c.ClockMode, c.Seed, c.RTC, c.NoReboot = "", 0, time.Time{}, false
	return c
}

// difference names the first setting in which two configurations differ.
func (c SnapshotConfig) difference(o SnapshotConfig) (name string, mine, theirs any) {
	a, b := reflect.ValueOf(c), reflect.ValueOf(o)
	for i := range a.NumField() {
		x, y := a.Field(i).Interface(), b.Field(i).Interface()
		if fmt.Sprint(x) != fmt.Sprint(y) {
			return strings.Split(a.Type().Field(i).Tag.Get("json"), ",")[0], x, y
		}
	}
	return "", nil, nil
}
