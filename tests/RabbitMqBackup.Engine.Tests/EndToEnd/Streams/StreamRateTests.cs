using System.Diagnostics;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Streams are read no faster than asked for.</summary>
public sealed class StreamRateTests
{
    [Theory]
    [InlineData(10_000L, null)]
    [InlineData(null, 1_500_000L)]
    public async Task A_stream_is_read_at_the_rate_that_was_asked_for(long? messages, long? bytes)
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.3");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 30_000, bytes: 100);

        long start = Stopwatch.GetTimestamp();
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = messages, MaxBytesPerSecond = bytes });
        TimeSpan took = Stopwatch.GetElapsedTime(start);

        Assert.Equal((BackupStatus.Complete, 30_000L), (manifest.Status, manifest.TotalMessages));
        Assert.Equal(30_000, (await bed.NumbersAsync("log")).Count);
        // 30,000 messages, or some 3.5 MB; what comes last is not waited for.
        Assert.True(took > TimeSpan.FromSeconds(1.5), $"It took {took.TotalSeconds:0.0} s.");
    }
}
