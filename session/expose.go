package session

import (
	"github.com/holdfast-go/holdfast/session/internal/expose"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

func init() {
	expose.Machine = func(config any) *machine.Config { return config.(Config).Effective().machine() }
}
