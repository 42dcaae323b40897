// Starter starts a job as a workflow, and prints its result. The job's id is the workflow's, so
// that a job that comes in twice is one workflow.
package main

import (
	"context"
	"flag"
	"log"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	paidonce "github.com/prompt-orchestra/promptorchestra-go/examples/temporal"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

func main() {
	var job paidonce.Job
	flag.StringVar(&job.ID, "id", "job-1", "of the job, among all jobs")
	flag.StringVar(&job.Name, "name", "Ada", "the variable name of the prompt")
	flag.Parse()
	server, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("Connecting to Temporal:", err)
	}
	defer server.Close()

	ctx := context.Background()
	options := client.StartWorkflowOptions{
		ID: job.ID, TaskQueue: paidonce.TaskQueue,
		// A job that failed is for a person, and is not started again by a second delivery.
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	}
	workflow, err := server.ExecuteWorkflow(ctx, options, paidonce.ExecuteOnce, job, paidonce.Production)
	if err != nil {
		log.Println("Starting the job:", err)
		return
	}
	var result jobs.Result
	if err := workflow.Get(ctx, &result); err != nil {
		log.Println("The job is for a person:", err)
		return
	}
	log.Println("The job is done by", result.RunID+":", result.Text, result.Output)
}
