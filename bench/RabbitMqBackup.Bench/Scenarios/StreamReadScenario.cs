using RabbitMqBackup.Bench.Streams;
using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>Reading a stream, all contestants the same one: reading changes nothing in it.</summary>
internal sealed class StreamReadScenario : IScenario
{
    private const string Stream = "bench-stream";
    private const string WarmUp = "bench-stream-warm-up";

    /// <summary>Code that works once for each chunk is compiled anew after some thousand of them.</summary>
    private const int WarmUpMessages = 2_000_000;

    /// <inheritdoc/>
    public string Name => "stream-read";

    /// <inheritdoc/>
    public async Task RunAsync(OwnTestBroker broker, BenchOptions options)
    {
        using RawStream connection = RawStream.Open(broker.AmqpUri(), broker.StreamPort);
        connection.Create(Stream);
        new RawStreamPublisher(connection).Run(Stream, options.Messages, new MessageBodies(options.Body, options.Size));

        if (options.IsWarm)
        {
            using RawStream other = RawStream.Open(broker.AmqpUri(), broker.StreamPort);
            other.Create(WarmUp);
            new RawStreamPublisher(other).Run(WarmUp, WarmUpMessages, new MessageBodies(options.Body, options.Size));
        }

        // The management API lists a stream with its messages some seconds later, and the broker writes on meanwhile.
        await Task.Delay(TimeSpan.FromSeconds(8));
        Contest contest = new($"Reading a stream, {options.Compression}", [WorkerList.Backup, WorkerList.RawStreamRead, WorkerList.StreamConsumer]);
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (IWorker worker in contest.Order(round))
            {
                await using WorkFolder folder = new();
                contest.Add(worker, await ChildProcess.MeasureAsync(worker, folder.Settings(broker, options, Stream, options.IsWarm ? WarmUp : null) with { WarmUpMessages = WarmUpMessages }));
            }
        }

        contest.Report();
        using RawStream last = RawStream.Open(broker.AmqpUri(), broker.StreamPort);
        last.Delete(Stream);
        if (options.IsWarm)
        {
            last.Delete(WarmUp);
        }
    }
}
