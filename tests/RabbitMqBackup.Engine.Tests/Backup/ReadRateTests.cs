using System.Net;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>How long a read will hold messages, as it is worked out before the read begins.</summary>
public sealed class ReadRateTests
{
    [Fact]
    public void Before_anything_is_measured_a_careful_rate_is_taken() => Assert.Equal(12, Seconds(new ReadRate(), 120_000));

    [Fact]
    public void What_was_measured_counts_from_then_on_over_all_reads_of_the_run()
    {
        ReadRate rate = new();
        rate.Add(20_000, TimeSpan.FromSeconds(1));
        Assert.Equal(6, Seconds(rate, 120_000), precision: 6);
        rate.Add(20_000, TimeSpan.FromSeconds(3));
        Assert.Equal(12, Seconds(rate, 120_000), precision: 6);
        rate.Add(40_000, TimeSpan.FromSeconds(16));
        Assert.Equal(30, Seconds(rate, 120_000), precision: 6);
    }

    [Fact]
    public void A_short_read_says_nothing_of_the_rate()
    {
        ReadRate rate = new();
        rate.Add(9_999, TimeSpan.FromMinutes(1));
        Assert.Equal(12, Seconds(rate, 120_000));
        rate.Add(10_000, TimeSpan.FromSeconds(10));
        Assert.Equal(120, Seconds(rate, 120_000), precision: 6);
    }

    [Theory]
    [InlineData(1_000L, null, 120)]
    [InlineData(50_000L, null, 12)]
    [InlineData(null, 60_000L, 20)]
    [InlineData(null, 600_000L, 12)]
    [InlineData(1_000L, 5_000L, 240)]
    [InlineData(1_000L, 60_000L, 120)]
    public void The_slowest_of_rate_and_limits_decides(long? messagesPerSecond, long? bytesPerSecond, double expected) =>
        Assert.Equal(expected, Seconds(new ReadRate(), 120_000, bytes: 1_200_000, messagesPerSecond, bytesPerSecond));

    [Theory]
    [InlineData(1, true)]
    [InlineData(60, false)]
    public async Task A_hold_time_that_will_not_do_is_told_before_the_read(int hold, bool told)
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Situation.Queue, "classic");
        await at.FillAsync(300);
        await at.UntilListedAsync(queue => queue.Messages == 300);
        RecordingLog log = new();
        string[]? before = null;
        at.Harness.Log = log;
        at.Harness.OnAdvance = messages => before ??= messages > 0 ? [.. log.Lines] : null;

        await at.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = 100, MaxHoldTime = TimeSpan.FromSeconds(hold) });

        Assert.NotNull(before);
        Assert.Equal(told, before.Any(line => line.Contains($"reading it will take some 3 s, and its messages may be held for {hold} s", StringComparison.Ordinal)));
        Assert.Equal(told, log.Lines.Any(line => line.Contains("reading it will take", StringComparison.Ordinal)));
    }

    private static double Seconds(ReadRate rate, long messages, long bytes = 0, long? messagesPerSecond = null, long? bytesPerSecond = null) =>
        rate.Estimate(messages, bytes, Options with { MaxMessagesPerSecond = messagesPerSecond, MaxBytesPerSecond = bytesPerSecond }).TotalSeconds;

    private static BackupOptions Options => new()
    {
        Broker = new BrokerOptions { Endpoints = [new DnsEndPoint("localhost", 5672)], Credential = new NetworkCredential("guest", "guest") },
        Store = BackupStore.Parse(Path.GetTempPath()),
    };
}
