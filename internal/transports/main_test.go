package transports

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// hystrix keeps its goroutines for the life of the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/afex/hystrix-go/hystrix.(*metricExchange).Monitor"),
		goleak.IgnoreAnyFunction("github.com/afex/hystrix-go/hystrix.(*poolMetrics).Monitor"))
}
