package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// version is a module that takes part, from the information in this program.
type version struct {
	Module  string `json:"module"`
	Version string `json:"version"`
}

// versions gives those of all contestants.
func versions() (all []version) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, c := range contestants {
		for _, m := range c.modules {
			v := version{m, moduleVersion(info.Deps, m)}
			if !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all
}

func moduleVersion(deps []*debug.Module, path string) string {
	i := slices.IndexFunc(deps, func(m *debug.Module) bool { return m.Path == path })
	switch {
	case i < 0:
		return "unknown"
	case deps[i].Replace != nil:
		return "this tree"
	}
	return deps[i].Version
}

// machine says what a race was run on.
func machine() string {
	return fmt.Sprintf("%s, %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

func describeVersions(all []version) string {
	var parts []string
	for _, v := range all {
		parts = append(parts, v.Module+" "+v.Version)
	}
	return strings.Join(parts, ", ")
}
