package firmware

// Linear addresses in the BIOS data area (IBM PS/2 and PC BIOS Interface
// Technical Reference, section 3).
const (
	bdaCOM        = 0x400 // four words: serial port bases
	bdaLPT        = 0x408 // three words: parallel port bases
	bdaEBDA       = 0x40e // segment of the extended BIOS data area
	bdaEquipment  = 0x410
	bdaMemory     = 0x413 // KiB of conventional memory
	bdaKbdFlags   = 0x417 // shift state
	bdaKbdFlags2  = 0x418 // keys held down
	bdaAltNum     = 0x419 // number being typed with Alt and the keypad
	bdaKbdHead    = 0x41a
	bdaKbdTail    = 0x41c
	bdaKbdBuf     = 0x41e
	bdaFloppyCal  = 0x43e // bit 7: interrupt seen
	bdaFloppyMot  = 0x43f // motors running
	bdaFloppyTime = 0x440 // ticks until the motors stop
	bdaFloppyStat = 0x441
	bdaVideoMode  = 0x449
	bdaColumns    = 0x44a
	bdaPageSize   = 0x44c
	bdaPageStart  = 0x44e
	bdaCursor     = 0x450 // eight words: column, row
	bdaCursorType = 0x460 // end, start line
	bdaActivePage = 0x462
	bdaCRTC       = 0x463
	bdaCRTMode    = 0x465
	bdaCRTPal     = 0x466
	bdaResumeIP   = 0x467 // far pointer used after a reset with a shutdown code
	bdaTicks      = 0x46c
	bdaMidnight   = 0x470
	bdaBreak      = 0x471 // bit 7: Ctrl-Break was pressed
	bdaWarmBoot   = 0x472 // 1234h: no memory test
	bdaDiskStat   = 0x474
	bdaDiskCount  = 0x475
	bdaLPTTimeout = 0x478
	bdaCOMTimeout = 0x47c
	bdaKbdStart   = 0x480
	bdaKbdEnd     = 0x482
	bdaRows       = 0x484 // minus one
	bdaCharHeight = 0x485
	bdaVideoCtl   = 0x487
	bdaSwitches   = 0x488
	bdaModeSet    = 0x489
	bdaDCCIndex   = 0x48a
	bdaFloppyRate = 0x48b
	bdaDiskCtl    = 0x48e // bit 7: fixed disk interrupt seen
	bdaMedia0     = 0x490 // floppy media state, two bytes
	bdaTrack0     = 0x494
	bdaKbdMode    = 0x496 // E0/E1 prefixes, right-hand keys, 101-key keyboard
	bdaLEDs       = 0x497
	bdaWaitFlagP  = 0x498 // far pointer to the user's wait flag
	bdaWaitCount  = 0x49c // microseconds left
	bdaWaitActive = 0x4a0
	bdaSavePtr    = 0x4a8 // video save pointer table
)

// Offsets in the extended BIOS data area. 22h-2Fh are those of the PS/2.
const (
	ebdaSeg       = 0x9fc0
	ebdaSizeKB    = 1
	ebdaMouseCall = 0x22 // far pointer to the user's mouse handler
	ebdaMouseFlg1 = 0x26 // bits 2-0: index of the next packet byte
	ebdaMouseFlg2 = 0x27 // bit 7: handler installed; bits 2-0: packet size - 1
	ebdaMouseData = 0x28 // packet bytes
	ebdaHD0       = 0x3d // fixed disk parameter tables
	ebdaHD1       = 0x4d
	ebdaVBEMode   = 0x60 // VBE mode as it was set
)

func (f *frame) ebda(off uint16) uint64 { return lin(f.rd16(bdaEBDA), off) }

// orBDA sets and clears bits of a byte.
func (f *frame) orBDA(at uint64, set, clear byte) { f.wr8(at, f.rd8(at)&^clear|set) }
