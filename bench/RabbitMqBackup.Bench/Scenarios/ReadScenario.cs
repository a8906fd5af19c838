using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Reading a queue. The references are timed to the last message, and, as a backup has to, until the broker has everything back. Each measurement has a freshly filled one: a queue that was read and given back delivers at another speed.</summary>
internal sealed class ReadScenario : IScenario
{
    /// <inheritdoc/>
    public string Name => "read";

    /// <inheritdoc/>
    public async Task RunAsync(OwnTestBroker broker, BenchOptions options)
    {
        foreach (string type in options.Queues)
        {
            await using BenchQueue? warmUp = options.IsWarm ? await BenchQueue.DeclareAsync(broker, type, "bench-warm-up") : null;
            await (warmUp?.FillAsync(options with { Messages = ChildProcess.WarmUpMessages }) ?? Task.CompletedTask);
            Contest contest = new($"Reading a {type} queue", [WorkerList.Backup, WorkerList.RawDrain, WorkerList.RawDrainReturn, WorkerList.ClientConsumer, WorkerList.ClientConsumerReturn]);
            for (int round = 0; round < options.Rounds; round++)
            {
                Console.WriteLine();
                Console.WriteLine($"{type} queue, round {round + 1}");
                foreach (IWorker worker in contest.Order(round))
                {
                    await using WorkFolder folder = new();
                    await using BenchQueue queue = await BenchQueue.DeclareAsync(broker, type, "bench");
                    await queue.FillAsync(options);
                    contest.Add(worker, await ChildProcess.MeasureAsync(worker, folder.Settings(broker, options, queue.Name, warmUp?.Name)));
                    await queue.AwaitDepthAsync(options.Messages);
                }
            }

            contest.Report();
        }
    }
}
