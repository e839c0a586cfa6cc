package guests

import (
	"compress/gzip"
	_ "embed"
	"io"
	"strings"

	"g86/tests/guests/cpio"
)

// initScript is the ramdisk's /init: it says ShellReady on the console and
// then keeps a shell there.
//
//go:embed init.sh
var initScript []byte

// ShellReady is the line the ramdisk's /init prints before its first prompt.
const ShellReady = "g86: shell ready"

// applets are the commands the ramdisk links to busybox: the ones a person or
// a test types. `busybox NAME` reaches the rest.
const applets = "[ ash awk base64 basename bc cat chmod chown clear cmp cp crc32 cut date dc dd deallocvt depmod " +
	"devmem df diff dirname dmesg du echo env expr factor false fdisk find fold free getty grep gunzip gzip halt head " +
	"hexdump hostname hwclock id ifconfig insmod ip kill killall less ln losetup ls lsmod lsscsi md5sum mkdir mkfifo " +
	"mknod mktemp modprobe more mount mv nc nproc od passwd pidof ping poweroff printf ps pwd readlink reboot reset " +
	"rm rmdir rmmod route sed seq setsid cttyhack sh sha1sum sha256sum sha512sum shuf sleep sort stat strings stty " +
	"sync sysctl tail tar taskset tee test time timeout top touch tr true tty umount uname uniq uptime usleep vi " +
	"watch wc which whoami xargs xxd yes zcat"

// WriteRamdisk writes the gzipped initramfs made of a static busybox binary.
// The same busybox gives the same bytes.
func WriteRamdisk(w io.Writer, busybox []byte) error {
	z := gzip.NewWriter(w)
	c := cpio.NewWriter(z)
	for _, d := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp"} {
		c.Dir(d, 0o755)
	}
	// The kernel opens /dev/console for init before anything is mounted.
	c.CharDev("dev/console", 0o600, 5, 1)
	c.CharDev("dev/null", 0o666, 1, 3)
	c.File("bin/busybox", 0o755, busybox)
	for _, a := range strings.Fields(applets) {
		c.Symlink("bin/"+a, "busybox")
	}
	c.Symlink("sbin", "bin")
	c.File("etc/passwd", 0o644, []byte("root::0:0:root:/root:/bin/sh\n"))
	c.File("etc/group", 0o644, []byte("root:x:0:\n"))
	c.File("init", 0o755, initScript)
	if err := c.Close(); err != nil {
		return err
	}
	return z.Close()
}
