using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Reading a queue. Each measurement has a freshly filled one: a queue that was read and given back delivers at another speed.</summary>
internal sealed class ReadScenario : IScenario
{
    /// <inheritdoc/>
    public string Name => "read";

    /// <inheritdoc/>
    public async Task RunAsync(OwnTestBroker broker, BenchOptions options)
    {
        foreach (string type in options.Queues)
        {
            Contest contest = new($"Reading a {type} queue", [WorkerList.Backup, WorkerList.RawDrain, WorkerList.ClientConsumer]);
            for (int round = 0; round < options.Rounds; round++)
            {
                Console.WriteLine();
                Console.WriteLine($"{type} queue, round {round + 1}");
                foreach (IWorker worker in contest.Order(round))
                {
                    await using WorkFolder folder = new();
                    await using BenchQueue queue = await BenchQueue.DeclareAsync(broker, type, "bench");
                    await queue.FillAsync(options);
                    contest.Add(worker, await ChildProcess.MeasureAsync(worker, folder.Settings(broker, options, queue.Name)));
                    await queue.AwaitDepthAsync(options.Messages);
                }
            }

            contest.Report();
        }
    }
}
