using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.Backup;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>How many consumers may be at a queue without being another reader's, against a broker.</summary>
public sealed class ConsumerWatchTests
{
    private const string Queue = Situation.Queue;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_consumers_that_come_and_go_the_most_are_counted()
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Queue, "classic");
        await using ApplicationConsumer steady = await at.Client.WorkAsync(Queue);
        Task<long> counting = CountAsync(at);
        while (!counting.IsCompleted)
        {
            await using (await at.Client.WorkAsync(Queue))
            {
                await Task.Delay(300, Cancel);
            }

            await Task.Delay(300, Cancel);
        }

        Assert.Equal(2, await counting);
    }

    /// <summary>It may have been a reader's, and another one could come in its place.</summary>
    [Fact]
    public async Task One_that_goes_and_does_not_come_back_is_not_counted()
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Queue, "classic");
        await using ApplicationConsumer steady = await at.Client.WorkAsync(Queue);
        ApplicationConsumer leaving = await at.Client.WorkAsync(Queue);
        Task<long> counting = CountAsync(at);
        await Task.Delay(1000, Cancel);
        await leaving.DisposeAsync();

        Assert.Equal(1, await counting);
    }

    private static Task<long> CountAsync(Situation at) => new ConsumerWatch(at.Harness.Broker, TimeProvider.System).CountAsync(new(at.Host.Name, Queue), Cancel);
}
