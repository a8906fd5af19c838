using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>
/// A broker whose <c>consumer_timeout</c> is shorter than anybody can know takes back what is held, at its next tick, which comes once a minute: so each case takes more than that, and runs with RABBITMQ_TEST_LONG only.
/// </summary>
public class AcknowledgementTimeoutTests
{
    private const string Queue = "q";
    private const int Count = 4_000;

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("3.10", "quorum")]
    [InlineData("4.0", "classic")]
    [InlineData("4.0", "quorum")]
    public async Task A_time_out_that_strikes_is_told_with_the_remedy_and_everything_is_back_and_the_remedy_works(string generation, string type)
    {
        Assert.SkipUnless(LongRun.IsOn, "It takes more than a minute; RABBITMQ_TEST_LONG runs it.");
        await using OwnTestBroker broker = await TestBroker.StartOwnAsync(generation, "consumer_timeout = 10000");
        await using TestVirtualHost host = await TestVirtualHost.CreateAsync(broker);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(broker, host.Name);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));

        QueueEntry struck = Assert.Single((await harness.BackupAsync(options => options with { MaxMessagesPerSecond = 25 })).Queues);
        Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.BrokerConnectionLost)), (struck.Outcome, struck.ErrorCode));
        Assert.Contains("delivery acknowledgement", struck.Reason, StringComparison.Ordinal);
        Assert.Equal(Count, struck.Messages + Assert.Single(struck.Gaps).Messages);
        Assert.InRange(struck.Messages, 1, Count - 1);

        QueueEntry released = Assert.Single((await harness.BackupAsync(options => options with { MaxMessagesPerSecond = 25, MaxHoldTime = TimeSpan.FromSeconds(8) })).Queues);
        Assert.Equal("HoldTime", Assert.Single(released.Gaps).Code);
        await client.UntilCountAsync(Queue, Count);

        // A quorum queue keeps its order when all that the time-out gave back can be taken once more in the time that is left; where it can't, the report says so.
        List<int> numbers = [.. (await client.TakeIdsAsync(Queue)).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, Count), released.Notes.Count == 0 ? numbers : numbers.Order());
    }
}
