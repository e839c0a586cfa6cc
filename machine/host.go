package machine

import (
	"errors"
	"runtime"

	"g86/cpu"
	"g86/cpu/kvm"
	"g86/jit"
)

// HostReport is what this host offers, for `g86 doctor`.
type HostReport struct {
	OS    string `json:"os"`
	CPUs  int    `json:"cpus"`
	Accel string `json:"accel"` // the engine that --accel=auto takes

	KVM        string   `json:"kvm"` // "": it works and is fast; otherwise why --accel=auto does not take it
	KVMUsable  bool     `json:"kvm_usable"`
	KVMInsns   uint64   `json:"kvm_insns_per_second,omitempty"` // in ring 0
	KVMExitNS  uint64   `json:"kvm_exit_ns,omitempty"`          // nanoseconds for a port write, there and back
	KVMLacks   []string `json:"kvm_lacks,omitempty"`            // features of the default CPU model
	Translator string   `json:"translator"`                     // "": it works; otherwise why not
	Dual       bool     `json:"translator_dual_mapping"`        // its code is written at other addresses than it runs at
	SyscallGS  bool     `json:"translator_syscall_gs"`          // another processor's turn takes a system call
	Windows    bool     `json:"translator_windows"`             // the host's paging can translate guests' addresses
	Features   []string `json:"translator_features"`            // extensions of the processor that it uses
	Lacks      []string `json:"translator_lacks,omitempty"`     // and those that it would
}

// ExamineHost looks at what the host offers. It takes some milliseconds.
func ExamineHost() HostReport {
	r := HostReport{OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Accel: "kvm"}
	if h, err := kvm.Open(); err == nil {
		r.KVMUsable = true
		if m, err := cpu.NewModel(""); err == nil {
			r.KVMLacks = h.Lacks(m)
		}
		_ = h.Close()
	}
	p, err := probeKVM()
	r.KVMInsns, r.KVMExitNS = p.InsnsPerSecond, p.ExitNS
	if err != nil {
		r.KVM, r.Accel = err.Error(), "jit"
	}
	r.Features, r.Lacks = jit.HostFeatures()
	if err := r.checkTranslator(); err != nil {
		r.Translator = err.Error()
		if r.Accel == "jit" {
			r.Accel = "interp"
		}
	}
	return r
}

// checkTranslator tries the processor and attaches a translator to nothing.
func (r *HostReport) checkTranslator() error {
	if err := jit.Trial(); err != nil {
		return err
	}
	e, err := jit.Attach(cpu.NewCodeCache(), jit.Heat)
	if err != nil {
		return err
	}
	r.Dual, r.SyscallGS = e.Dual(), e.SyscallGS()
	if ram, file, err := allocate(1 << 20); err == nil {
		r.Windows = file != nil && e.Windows()
		err = release(ram, file)
		if err != nil {
			return errors.New("memory cannot be given back: " + err.Error())
		}
	}
	if err := e.Close(); err != nil {
		return errors.New("its memory cannot be given back: " + err.Error())
	}
	return nil
}
