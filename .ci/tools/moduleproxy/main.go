// Command moduleproxy makes a folder that GOPROXY=file://FOLDER can be set to, with
// one version of modules of this repository, just as the module mirror would make it
// of a tag: from what is committed, without replace directives having any effect.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("moduleproxy: ")
	r := release{}
	flag.StringVar(&r.repository, "repository", ".", "the root of the repository")
	flag.StringVar(&r.revision, "revision", "HEAD", "the commit, branch or tag that is to be released")
	flag.StringVar(&r.version, "version", "", "the version, as in v0.5.0")
	flag.StringVar(&r.folder, "o", "", "the folder to write to")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: moduleproxy -version VERSION -o FOLDER [flags] [MODULE'S FOLDER, . FOR THE ROOT]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	for _, subfolder := range flag.Args() {
		if err := r.add(subfolder); err != nil {
			log.Fatalf("%s: %v", subfolder, err)
		}
	}
}

// release is one version of everything in a repository.
type release struct {
	repository, revision, version, folder string
}

// add writes the four files of a module that a proxy serves.
func (r release) add(subfolder string) error {
	show := exec.Command("git", "-C", r.repository, "show", r.revision+":"+path.Join(filepath.ToSlash(subfolder), "go.mod"))
	show.Stderr = os.Stderr
	mod, err := show.Output()
	if err != nil {
		return fmt.Errorf("go.mod in %s: %w", r.revision, err)
	}
	m := module.Version{Path: modfile.ModulePath(mod), Version: r.version}
	if err := module.Check(m.Path, m.Version); err != nil {
		return err
	}
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	to := filepath.Join(r.folder, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{r.version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(to, "list"), []byte(r.version+"\n"), 0o644),
		os.WriteFile(filepath.Join(to, r.version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(to, r.version+".mod"), mod, 0o644),
		r.pack(filepath.Join(to, r.version+".zip"), m, subfolder),
	)
}

// pack writes the module's files as they are in the revision.
func (r release) pack(name string, m module.Version, subfolder string) error {
	if subfolder == "." {
		subfolder = ""
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromVCS(f, m, r.repository, r.revision, filepath.ToSlash(subfolder)), f.Close())
}
