using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>What publishers and applications seldom do to a stream.</summary>
public sealed class StreamOddityTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_batch_above_the_frame_size_is_there_whole_after_a_restore_that_was_cut_in_it()
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.0");
        await bed.CreateAsync("log");
        byte[][] members = [.. Enumerable.Range(5, 20).Select(number => StreamBed.Number(number, 100_000)[4..])];
        await bed.PublishNumbersAsync("log", 0, 5);
        await using (StreamConnection connection = await bed.ConnectAsync())
        {
            // This broker takes frames of any size.
            await connection.DeclarePublisherAsync(1, "", "log", Stop);
            PublishFrame frame = new(1, "log", 1, 8 << 20);
            Assert.True(frame.TryAdd(1, TestEntries.Batch(BatchCodec.None, members)));
            await connection.SendAsync(frame.Finish(), Stop);
            while ((await bed.NumbersAsync("log")).Count < 25)
            {
                await Task.Delay(20, Stop);
            }
        }

        await bed.PublishNumbersAsync("log", 25, 5);
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");

        // What a restore leaves that was killed behind the third message of the batch.
        await bed.CreateAsync("log");
        await using (StreamConnection connection = await bed.ConnectAsync())
        {
            RestorePlan plan = await new RestoreEngine().PlanAsync(new RestoreOptions { Broker = bed.Harness.Broker, Manifest = manifest }, Stop);
            await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "log", StreamPublisherName.Of(plan.Queues[0].Source), null, Stop);
            for (ulong id = 1; id <= 8; id++)
            {
                await ChunkReaderTests.AddAsync(publisher, id, StreamBed.Number((int)id - 1, id > 5 ? 100_000 : 4));
            }

            await publisher.CompleteAsync(Stop);
        }

        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((true, 30L, 8L), (result.IsComplete, result.Confirmed, result.AlreadyThere));
        Assert.Equal(Enumerable.Range(0, 30), await bed.NumbersAsync("log"));
    }
}
