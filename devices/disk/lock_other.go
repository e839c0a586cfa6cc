//go:build !(linux || darwin || freebsd || netbsd || openbsd || windows)

package disk

import "os"

func lock(*os.File, bool) error { return nil }

func isReadOnlyFS(error) bool { return false }
