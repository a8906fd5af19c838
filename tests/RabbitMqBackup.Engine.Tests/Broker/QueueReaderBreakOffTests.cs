using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReaderBed;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reads from real brokers that are cancelled or break off.</summary>
public sealed class QueueReaderBreakOffTests
{
    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
    public async Task A_cancelled_read_leaves_every_message_in_its_place(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 2000).Select(NewMessage));
        List<string> before = await client.FingerprintsAsync(Queue);

        using CancellationTokenSource cancel = new();
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async token =>
            {
                if (sink.Messages.Count > 900)
                {
                    await cancel.CancelAsync();
                    await Task.Delay(Timeout.Infinite, token);
                }
            },
        };
        QueueReader reader = new(host.Options, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAsync(NewRequest(host, type, release) with { Prefetch = 500 }, sink, cancel.Token));
        await UntilReadyAsync(client, 2000);
        Assert.Equal(before, await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
    public async Task A_read_that_is_broken_off_while_new_messages_arrive_leaves_them_in_their_places(string generation, string type, string release)
    {
        // So many that most of them are on their way when the reader gives up.
        const int Count = 15_000;
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, Count).Select(NewMessage));
        CollectingSink sink = new() { OnMessage = _ => throw new InvalidDataException("full") };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(host, NewRequest(host, type, release), sink));
        await UntilReadyAsync(client, Count);
        Assert.Equal(
            Enumerable.Range(0, Count).Select(NewMessage).Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)),
            await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "classic")]
    [InlineData("4.3", "quorum")]
    public async Task A_queue_deleted_while_it_is_read_is_reported(string generation, string type)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 100).Select(NewMessage));
        bool deleted = false;
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async _ =>
            {
                if (sink.Messages.Count > 0 && !deleted)
                {
                    deleted = true;
                    await client.DeleteAsync(Queue);
                }
            },
        };
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(host, NewRequest(host, type, "ChannelClose") with { Prefetch = 10 }, sink));
        Assert.Equal(ErrorCode.QueueNotFound, error.Code);
    }
}
