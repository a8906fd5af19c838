using RabbitMqBackup.Bench.Streams;
using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Writing into an empty stream, every message confirmed.</summary>
internal sealed class StreamWriteScenario : IScenario
{
    private const string Stream = "bench-stream";

    /// <inheritdoc/>
    public string Name => "stream-write";

    /// <inheritdoc/>
    public async Task RunAsync(OwnTestBroker broker, BenchOptions options)
    {
        await using WorkFolder folder = new();
        Create(broker, connection => new RawStreamPublisher(connection).Run(Stream, options.Messages, new MessageBodies(options.Body, options.Size)));
        await ChildProcess.MeasureAsync(WorkerList.Backup, folder.Settings(broker, options, Stream));
        Contest contest = new($"Writing a stream, from {options.Compression}", [WorkerList.Restore, WorkerList.RawStreamPublish, WorkerList.RawStreamPublishNamed]);
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (IWorker worker in contest.Order(round))
            {
                Create(broker, _ => { });
                // For some seconds the API shows what was in the stream that is deleted, and a restore leaves a stream alone that is not empty.
                await Task.Delay(TimeSpan.FromSeconds(8));
                contest.Add(worker, await ChildProcess.MeasureAsync(worker, folder.Settings(broker, options, Stream)));
            }
        }

        contest.Report();
        using RawStream last = RawStream.Open(broker.AmqpUri(), broker.StreamPort);
        last.Delete(Stream);
    }

    private static void Create(OwnTestBroker broker, Action<RawStream> fill)
    {
        using RawStream connection = RawStream.Open(broker.AmqpUri(), broker.StreamPort);
        connection.Create(Stream);
        fill(connection);
    }
}
