package cpu

import "g86/cpu/isa"

// Model-specific registers (SDM volume 4).
const (
	msrTSC         = 0x10
	msrPlatformID  = 0x17
	msrAPICBase    = 0x1b
	msrFeatureCtl  = 0x3a
	msrTSCAdjust   = 0x3b
	msrSpecCtrl    = 0x48
	msrPredCmd     = 0x49
	msrUcodeRev    = 0x8b
	msrMTRRCap     = 0xfe
	msrArchCap     = 0x10a
	msrSysenterCS  = 0x174
	msrSysenterESP = 0x175
	msrSysenterEIP = 0x176
	msrMCGCap      = 0x179
	msrMCGStatus   = 0x17a
	msrMiscEnable  = 0x1a0
	msrDebugCtl    = 0x1d9
	msrPAT         = 0x277
	msrMTRRDefType = 0x2ff
	msrTSCDeadline = 0x6e0
	msrEFER        = 0xc0000080
	msrSTAR        = 0xc0000081
	msrLSTAR       = 0xc0000082
	msrCSTAR       = 0xc0000083
	msrFMASK       = 0xc0000084
	msrFSBase      = 0xc0000100
	msrGSBase      = 0xc0000101
	msrKernelGS    = 0xc0000102
	msrTSCAux      = 0xc0000103
)

// archCapabilities says that nothing of what is executed speculatively can be
// observed, for there is no speculation: IA32_ARCH_CAPABILITIES has RDCL_NO,
// IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO,
// FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO and ITS_NO (SDM volume 4,
// table 2-2). Without it, kernels spend much of their time on defences.
const archCapabilities = 1<<0 | 1<<1 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<8 | 1<<13 | 1<<14 | 1<<15 | 1<<20 | 1<<24 | 1<<26 | 1<<27 | 1<<62

// mtrrFixed are the eleven fixed-range MTRRs in the order of State.MTRR.Fixed.
var mtrrFixed = [11]uint32{0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f}

func (c *CPU) rdmsr(in *Op) {
	v, ok := c.readMSR(uint32(c.GPR[RCX]))
	if !ok {
		c.gp0()
	}
	c.GPR[RAX], c.GPR[RDX] = v&0xffffffff, v>>32
}

func (c *CPU) wrmsr(in *Op) {
	v := c.GPR[RDX]<<32 | c.GPR[RAX]&0xffffffff
	if !c.writeMSR(uint32(c.GPR[RCX]), v) {
		c.gp0()
	}
	c.post(evINTR)
}

// plainMSR is the field behind a register without side effects, or nil.
func (c *CPU) plainMSR(n uint32) *uint64 {
	has := c.Model.Has
	switch {
	case n == msrSysenterCS && has(isa.SYSENTER):
		return &c.SysenterCS
	case n == msrSysenterESP && has(isa.SYSENTER):
		return &c.SysenterESP
	case n == msrSysenterEIP && has(isa.SYSENTER):
		return &c.SysenterEIP
	case n == msrPAT && c.Model.PAT:
		return &c.PAT
	case n == msrMiscEnable:
		return &c.MiscEnable
	case n == msrMTRRDefType && c.Model.MTRR:
		return &c.MTRR.DefType
	case n >= 0x200 && n < 0x210 && c.Model.MTRR:
		return &c.MTRR.Variable[n-0x200]
	case n == msrSTAR && has(isa.SYSCALL):
		return &c.STAR
	case n == msrLSTAR && has(isa.LM):
		return &c.LSTAR
	case n == msrCSTAR && has(isa.LM):
		return &c.CSTAR
	case n == msrFMASK && has(isa.LM):
		return &c.FMASK
	case n == msrKernelGS && has(isa.LM):
		return &c.KernelGSBase
	case n == msrFSBase && has(isa.LM):
		return &c.Seg[FS].Base
	case n == msrGSBase && has(isa.LM):
		return &c.Seg[GS].Base
	case n == msrSpecCtrl && c.Model.SpecCtrl:
		return &c.SpecCtrl
	case n == msrTSCAux && has(isa.RDTSCP):
		return &c.TSCAux
	case n == msrMCGStatus && c.Model.MCE:
		return &c.MCGStatus
	}
	for i, m := range mtrrFixed {
		if n == m && c.Model.MTRR {
			return &c.MTRR.Fixed[i]
		}
	}
	return nil
}

func isAPICMSR(n uint32) bool {
	return n == msrAPICBase || n == msrTSCDeadline || n >= 0x800 && n < 0x900
}

func (c *CPU) readMSR(n uint32) (uint64, bool) {
	if isAPICMSR(n) {
		return c.board.ReadMSR(n)
	}
	if p := c.plainMSR(n); p != nil {
		return *p, true
	}
	switch n {
	case msrTSC:
		return c.board.TSC() + c.TSCOffset, true
	case msrTSCAdjust:
		return c.TSCAdjust, c.Model.TSCDeadline
	case msrEFER:
		return c.EFER, c.Model.Has(isa.SYSCALL) || c.Model.NX
	case msrArchCap:
		return archCapabilities, c.Model.SpecCtrl
	case msrMTRRCap:
		return 0x508, c.Model.MTRR // 8 variable ranges, fixed ranges, write-combining
	case msrPlatformID, msrUcodeRev, msrMCGCap, msrDebugCtl:
		return 0, c.Model.Has(isa.P6)
	case msrFeatureCtl:
		return 1, c.Model.Has(isa.P6) // locked, nothing enabled
	}
	return 0, false
}

func (c *CPU) writeMSR(n uint32, v uint64) bool {
	if isAPICMSR(n) {
		return c.board.WriteMSR(n, v)
	}
	switch n {
	case msrTSC:
		offset := v - c.board.TSC()
		c.TSCAdjust += offset - c.TSCOffset
		c.TSCOffset = offset
		c.board.TSCChanged()
		c.native.NoTSC = 1
		return true
	case msrTSCAdjust:
		if !c.Model.TSCDeadline {
			return false
		}
		c.TSCOffset += v - c.TSCAdjust
		c.TSCAdjust = v
		c.board.TSCChanged()
		c.native.NoTSC = 1
		return true
	case msrEFER:
		return c.setEFER(v)
	case msrPAT:
		for i := 0; i < 8; i++ {
			if t := v >> (8 * i) & 0xff; t > 7 || t == 2 || t == 3 {
				return false
			}
		}
	case msrSysenterESP, msrSysenterEIP, msrLSTAR, msrCSTAR, msrFSBase, msrGSBase, msrKernelGS:
		if !canonical(v) {
			return false
		}
	case msrTSCAux:
		if v>>32 != 0 {
			return false
		}
	case msrSpecCtrl:
		if v&^3 != 0 { // IBRS and STIBP
			return false
		}
	case msrPredCmd:
		return c.Model.SpecCtrl && v&^1 == 0 // IBPB
	case msrFMASK:
		v &= 0xffffffff
	case msrUcodeRev, msrDebugCtl:
		return c.Model.Has(isa.P6)
	case msrArchCap, msrMTRRCap, msrFeatureCtl, msrMCGCap:
		return false
	}
	p := c.plainMSR(n)
	if p == nil {
		return false
	}
	*p = v
	if n == msrFSBase || n == msrGSBase {
		c.segChanged(FS)
		c.segChanged(GS)
	}
	return true
}

func (c *CPU) setEFER(v uint64) bool {
	if !c.Model.Has(isa.SYSCALL) && !c.Model.NX {
		return false
	}
	allowed := uint64(EFERLMA)
	if c.Model.Has(isa.SYSCALL) {
		allowed |= EFERSCE
	}
	if c.Model.Has(isa.LM) {
		allowed |= EFERLME
	}
	if c.Model.NX {
		allowed |= EFERNXE
	}
	if v&^allowed != 0 || (v^c.EFER)&EFERLME != 0 && c.CR0&CR0PG != 0 {
		return false
	}
	v = v&^EFERLMA | c.EFER&EFERLMA // LMA is read-only
	if (v^c.EFER)&EFERNXE != 0 {
		c.flushTLB(true)
	}
	c.EFER = v
	return true
}
