package sessiontest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
)

func TestParityComplains(t *testing.T) {
	bg := context.Background()
	tests := []struct {
		name string
		do   func(*Transport)
		want []string
	}{
		{"nothing happened", func(*Transport) {}, nil},
		{"closed once", func(tr *Transport) { _ = dial(tr, time.Minute).link.Close(bg) }, nil},
		{
			"not closed", func(tr *Transport) { dial(tr, time.Minute) },
			[]string{"the link of epoch 1 was closed 0 times"},
		},
		{"closed twice", func(tr *Transport) {
			l := dial(tr, time.Minute).link
			_, _ = l.Close(bg), l.Close(bg)
		}, []string{"the link of epoch 1 was closed 2 times"}},
		{
			"a call that hangs", func(tr *Transport) { go dial(tr.Then(Deaf("TLS")), time.Minute) },
			[]string{`the Connect of epoch 1 in "TLS" has not returned`},
		},
		{"an epoch comes again", func(tr *Transport) {
			for range 2 {
				_, _ = tr.Then(Fail(nil)).Connect(bg, session.Attempt{Epoch: 1}, nil)
			}
		}, []string{"Connect with epoch 1 after epoch 1: epochs must grow; a Transport serves one session"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tr Transport
				tt.do(&tr)
				synctest.Wait()
				tb := new(fakeTB)
				tr.Parity(tb)
				assert.Equal(t, "sessiontest: "+strings.Join(tt.want, "|"), "sessiontest: "+strings.ReplaceAll(strings.Join(tb.errors, "|"), "sessiontest: ", ""))
				tr.Release()
				synctest.Wait()
			})
		})
	}
}

func TestParityOfRivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := new(Transport).Otherwise(Hang("TLS"))
		first, giveUp := context.WithCancel(t.Context())
		connect := func(ctx context.Context, epoch uint64) {
			go func() { _, _ = tr.Connect(ctx, session.Attempt{Epoch: epoch}, nil) }()
			synctest.Wait()
		}
		connect(first, 1)
		connect(t.Context(), 2)
		giveUp()
		synctest.Wait()
		tr.Release()
		tb := new(fakeTB)
		tr.Parity(tb)
		assert.Equal(t, []string{`sessiontest: Connect of epoch 2 while the Connect of epoch 1 in "TLS" was running, not cancelled`}, tb.errors)
	})
}

func TestParityWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(OK().After(time.Second)).Otherwise(OK())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l := dial(tr, time.Minute).link
			pass(time.Second)
			_ = l.Close(context.Background())
		}()
		require.NoError(t, tr.WaitAttempts(t.Context(), 1))
		tr.Parity(t)
		<-done
	})
}
