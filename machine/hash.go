package machine

import (
	"crypto/sha256"
	"encoding/binary"

	"g86/devices/snap"
)

// StateHash is a digest of everything the guest could ever observe: processors,
// chips, clock, memory and what it wrote to disks with snapshot=on. Two machines with the same configuration, inputs and
// seed have the same hash at the same instruction count.
func (m *Machine) StateHash() (sum [32]byte) {
	m.Do(func() { sum = m.hash() })
	return sum
}

func (m *Machine) hash() [32]byte {
	if err := m.settle(); err != nil {
		return [32]byte{} // the run ends with this error
	}
	w := &snap.Writer{}
	w.Struct(&m.state)
	for _, c := range m.cpus {
		w.Struct(c.Pull())
	}
	m.clk.Save(w)
	for _, d := range m.devs {
		d.Save(w)
	}
	for _, i := range m.images {
		if i.Snapshot() {
			i.SaveOverlay(w)
		}
	}
	h := sha256.New()
	h.Write(w.Bytes())
	const page = 4096
	for at := 0; at < len(m.ram); at += page {
		p := m.ram[at:min(at+page, len(m.ram))]
		if zeroPage(p) {
			continue
		}
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(at))
		h.Write(n[:])
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
