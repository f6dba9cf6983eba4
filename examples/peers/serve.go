package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// shutdownTime bounds the orderly end of a server, which is a matter of
// milliseconds.
const shutdownTime = 5 * time.Second

// The commands that a server process takes on standard input, one a line, and the
// beginnings of its answers. It ends with its standard input, so that none outlives
// the process that has started it.
const (
	openCommand  = "open"  // with an address: serve there
	closeCommand = "close" // all that serve
	openAnswer   = "open"  // with the address, and the time in Unix nanoseconds
	closeAnswer  = "closed"
	errorAnswer  = "error"
)

// serve is a server process: it holds any number of servers of one contestant.
func serve(c contestant, in io.Reader, out io.Writer) error {
	s := servers{contestant: c}
	defer func() { _ = s.close() }()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer, err := s.obey(lines.Text())
		if err != nil {
			answer = errorAnswer + " " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return nil
}

// servers are those of a server process.
type servers struct {
	contestant
	running []host
}

func (s *servers) obey(line string) (answer string, err error) {
	command, addr, _ := strings.Cut(line, " ")
	switch command {
	case openCommand:
		return s.open(addr)
	case closeCommand:
		return closeAnswer, s.close()
	}
	return "", fmt.Errorf("unknown command %q", line)
}

// open answers with the moment from which on clients could connect.
func (s *servers) open(addr string) (answer string, err error) {
	h, err := s.serve(addr)
	if err != nil {
		return "", err
	}
	s.running = append(s.running, h)
	return fmt.Sprintf("%s %s %d", openAnswer, h.Addr(), time.Now().UnixNano()), nil
}

func (s *servers) close() error {
	errs := make([]error, len(s.running))
	var closing sync.WaitGroup
	for i, h := range s.running {
		closing.Go(func() { errs[i] = h.Close() })
	}
	closing.Wait()
	s.running = nil
	return errors.Join(errs...)
}
