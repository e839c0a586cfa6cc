package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// apts downloads packages in two ways. The host's own package index is tried
// first: no update, so it is quick. If that has no such package, or names a
// version the archive no longer has, a private apt with its own index and
// state is updated once per architecture and asked instead; the host's state
// never changes, and an update that fails in part still leaves what arrived.
type apts struct {
	work    string
	private map[string]*apt // by architecture
}

func newApts(work string) *apts { return &apts{work: work, private: map[string]*apt{}} }

// get downloads package pkg of an architecture ("all": any) and unpacks it
// into root.
func (a *apts) get(ctx context.Context, pkg, arch, root string) error {
	var errs []error
	if arch == "all" || arch == hostArch(ctx) {
		err := (&apt{}).get(ctx, a.work, pkg, root)
		if err == nil {
			return nil
		}
		fmt.Printf("guests:   not with the host's package index (%v): asking the archive\n", err)
		errs = append(errs, err)
	}
	if arch == "all" {
		arch = "amd64"
	}
	p := a.private[arch]
	if p == nil {
		var err error
		if p, err = newPrivate(filepath.Join(a.work, "apt-"+arch), arch); err != nil {
			return err
		}
		a.private[arch] = p
		p.update(ctx)
	}
	for try := 0; try < 2 && ctx.Err() == nil; try++ {
		err := p.get(ctx, a.work, pkg, root)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	err := errs[len(errs)-1]
	if p.incomplete != nil {
		err = fmt.Errorf("%w (package index incomplete: %w)", err, p.incomplete)
	}
	return err
}

func hostArch(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "dpkg", "--print-architecture").Output()
	if err != nil {
		return runtime.GOARCH
	}
	return strings.TrimSpace(string(out))
}

// apt is one apt configuration; the zero value is the host's.
type apt struct {
	config     string
	incomplete error // what the last update could not get
}

// newPrivate makes an apt that keeps its index and state under dir and sees
// only the host's Debian sources, for one architecture. It inherits the rest
// of the host's configuration, where proxies and keys are, but none of the
// hooks that would act on the host after an update.
func newPrivate(dir, arch string) (*apt, error) {
	parts, sources := filepath.Join(dir, "parts"), filepath.Join(dir, "sources")
	for _, d := range []string{parts, sources, filepath.Join(dir, "lists", "partial"), filepath.Join(dir, "archives", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	hostParts, _ := filepath.Glob("/etc/apt/apt.conf.d/*")
	for _, p := range hostParts {
		if err := os.Symlink(p, filepath.Join(parts, filepath.Base(p))); err != nil {
			return nil, err
		}
	}
	if err := debianSources(sources); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`Dir::State "%[1]s";
Dir::State::Lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "%[1]s/sources";
APT::Architecture "%[2]s";
#clear APT::Architectures;
APT::Architectures { "%[2]s"; };
Acquire::Languages "none";
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::CNF;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
`, dir, arch)
	top := filepath.Join(dir, "apt.conf")
	return &apt{config: top}, errors.Join(
		os.WriteFile(filepath.Join(dir, "status"), nil, 0o644),
		os.WriteFile(filepath.Join(parts, "zz-g86"), []byte(conf), 0o644),
		os.WriteFile(top, []byte(fmt.Sprintf("Dir::Etc::parts \"%s\";\n", parts)), 0o644))
}

// command prepares one apt program. Without the sandbox user apt can write to
// a directory of ours; retries and a timeout ride out a weak network.
func (a *apt) command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	args = append([]string{"-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=30"}, args...)
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if a.config != "" {
		cmd.Env = append(cmd.Env, "APT_CONFIG="+a.config)
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs one apt program; its error carries apt's first complaint.
func (a *apt) output(ctx context.Context, dir, tool string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := a.command(ctx, tool, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		for _, line := range strings.Split(stderr.String(), "\n") {
			if said, ok := strings.CutPrefix(line, "E: "); ok {
				return out, fmt.Errorf("%s: %s", tool, said)
			}
		}
		return out, fmt.Errorf("%s: %w", tool, err)
	}
	return out, nil
}

// update fetches the index. An error is only told: what arrived is used.
func (a *apt) update(ctx context.Context) {
	_, a.incomplete = a.output(ctx, "", "apt-get", "update")
	if a.incomplete != nil {
		fmt.Printf("guests:   package index incomplete (%v): using what arrived\n", a.incomplete)
	}
}

// get downloads one package and unpacks it into root.
func (a *apt) get(ctx context.Context, work, pkg, root string) error {
	pkg, err := a.resolve(ctx, pkg)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(work, "deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := a.output(ctx, dir, "apt-get", "download", pkg); err != nil {
		return err
	}
	debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("apt-get download %s left %d files", pkg, len(debs))
	}
	fmt.Printf("guests:   %s\n", filepath.Base(debs[0]))
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", debs[0], root).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb -x %s: %w: %s", filepath.Base(debs[0]), err, bytes.TrimSpace(out))
	}
	return nil
}

// resolve follows a kernel meta package to the versioned package that has the
// files; other names stand for themselves.
func (a *apt) resolve(ctx context.Context, pkg string) (string, error) {
	if !strings.HasPrefix(pkg, "linux-image-") {
		return pkg, nil
	}
	out, err := a.output(ctx, "", "apt-cache", "depends", pkg)
	if err != nil {
		return "", err
	}
	if dep := kernelDependency(string(out)); dep != "" {
		return dep, nil
	}
	return "", fmt.Errorf("%s depends on no versioned kernel package", pkg)
}

// kernelDependency picks the linux-image package out of `apt-cache depends`.
func kernelDependency(out string) string {
	for _, line := range strings.Split(out, "\n") {
		f := strings.Fields(line)
		if len(f) == 2 && strings.TrimPrefix(f[0], "|") == "Depends:" && strings.HasPrefix(f[1], "linux-image-") {
			return f[1]
		}
	}
	return ""
}
