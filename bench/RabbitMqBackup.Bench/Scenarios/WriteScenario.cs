using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Writing into an empty queue, every message confirmed.</summary>
internal sealed class WriteScenario : IScenario
{
    /// <inheritdoc/>
    public string Name => "write";

    /// <inheritdoc/>
    public async Task RunAsync(OwnTestBroker broker, BenchOptions options)
    {
        foreach (string type in options.Queues)
        {
            await using WorkFolder folder = new();
            await BackUpAsync(broker, options, type, folder);
            Contest contest = new($"Writing into a {type} queue", [WorkerList.Restore, WorkerList.RawPublisher, WorkerList.ClientPublisher]);
            for (int round = 0; round < options.Rounds; round++)
            {
                Console.WriteLine();
                Console.WriteLine($"{type} queue, round {round + 1}");
                foreach (IWorker worker in contest.Order(round))
                {
                    await using BenchQueue queue = await BenchQueue.DeclareAsync(broker, type, "bench");
                    contest.Add(worker, await ChildProcess.MeasureAsync(worker, folder.Settings(broker, options, queue.Name)));
                    await queue.AwaitDepthAsync(options.Messages);
                }
            }

            contest.Report();
        }
    }

    /// <summary>What the restore is to bring back, left in the folder.</summary>
    private static async Task BackUpAsync(OwnTestBroker broker, BenchOptions options, string type, WorkFolder folder)
    {
        await using BenchQueue queue = await BenchQueue.DeclareAsync(broker, type, "bench");
        await queue.FillAsync(options);
        await ChildProcess.MeasureAsync(WorkerList.Backup, folder.Settings(broker, options, queue.Name));
    }
}
