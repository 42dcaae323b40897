// Worker executes the workflows and activities of package paidonce. Start as many as you like.
package main

import (
	"flag"
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	paidonce "github.com/prompt-orchestra/promptorchestra-go/examples/temporal"
)

func main() {
	promptID := flag.String("prompt", "", "the prompt to execute")
	flag.Parse()
	api, err := promptorchestra.NewFromEnv()
	if err != nil {
		log.Fatalln("Reading PROMPT_ORCHESTRA_*:", err)
	}
	server, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("Connecting to Temporal:", err)
	}
	defer server.Close()

	w := worker.New(server, paidonce.TaskQueue, worker.Options{WorkerStopTimeout: paidonce.Production.Attempt})
	w.RegisterWorkflow(paidonce.ExecuteOnce)
	w.RegisterActivity(paidonce.NewActivities(api, *promptID, paidonce.Production))
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Println("The worker failed:", err)
	}
}
