using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>The broker's part in a read: channel 1 asks, channel 2 reads.</summary>
internal static class QueueReadScript
{
    internal const ushort Control = 1;
    internal const ushort Reading = 2;

    internal static readonly QueueReadRequest Request = new() { Queue = new QueueName("/", "q"), IdleTimeout = TimeSpan.FromMilliseconds(300), ReleaseTimeout = TimeSpan.FromSeconds(5) };

    internal static readonly QueueReadRequest Quorum = Request with { IsQuorum = true };

    internal static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static Task<QueueReadResult> ReadAsync(ScriptedBroker broker, QueueReadRequest request, IDeliverySink sink) =>
        new QueueReader(broker.Options, TimeProvider.System).ReadAsync(request, sink, Cancellation);

    internal static async Task BeginAsync(ScriptedPeer peer, uint ready)
    {
        await peer.OpenAsync();
        await peer.OpenChannelAsync(Control);
        await peer.DeclareAsync(Control, ready);
        await peer.OpenChannelAsync(Reading);
    }

    /// <summary>Of a part of a queue the read asks how much it leaves before it gives the part back.</summary>
    internal static async Task EndAsync(ScriptedPeer peer, int consumers, uint ready, bool isPart = false)
    {
        await AnswerCancelsAsync(peer, consumers);
        if (isPart)
        {
            await peer.DeclareAsync(Control, ready: 0);
        }

        await AnswerChannelCloseAsync(peer);
        await peer.DeclareAsync(Control, ready);
        await peer.CloseAsync();
    }

    internal static async Task AnswerCancelsAsync(ScriptedPeer peer, int consumers)
    {
        for (int i = 0; i < consumers; i++)
        {
            await peer.ExpectAsync(MethodId.BasicCancel);
            await peer.SendAsync(Wire.Method(Reading, 60, 31, Wire.Short($"bk-{i:000}")));
        }
    }

    internal static async Task AnswerChannelCloseAsync(ScriptedPeer peer)
    {
        await peer.ExpectAsync(MethodId.ChannelClose);
        await peer.SendAsync(Wire.Method(Reading, 20, 41));
    }

    internal static async Task ExpectNackAsync(ScriptedPeer peer, ulong upTo)
    {
        byte[] nack = await peer.ExpectAsync(MethodId.BasicNack);
        Assert.Equal([.. Wire.U64(upTo), 0b11], nack);
    }

    internal static byte[] Message(ulong tag, byte? deliveryCount = null, bool redelivered = false)
    {
        byte[] table = deliveryCount is { } count ? [.. Wire.Short("x-delivery-count"), (byte)'B', count] : [];
        byte[]? properties = deliveryCount is null ? null : [0b0010_0000, 0, .. Wire.U32((uint)table.Length), .. table];
        return Wire.Deliver(Reading, "bk-000", tag, "q", Encoding.UTF8.GetBytes($"m{tag}"), properties, redelivered);
    }

    internal static byte[] GetOk(ulong tag)
    {
        byte[] body = Encoding.UTF8.GetBytes($"m{tag}");
        return [.. Wire.Method(Reading, 60, 71, Wire.U64(tag), [0], Wire.Short(""), Wire.Short("q"), Wire.U32(0)), .. Wire.Header(Reading, (ulong)body.Length), .. Wire.Body(Reading, body)];
    }
}
