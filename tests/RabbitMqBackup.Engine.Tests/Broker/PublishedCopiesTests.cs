using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Which messages are taken for copies that the read has published itself.</summary>
public sealed class PublishedCopiesTests
{
    private readonly PublishedCopies _copies = new(new QueueName("/", "q"));

    public PublishedCopiesTests()
    {
        _copies.Add([0, 0], "one"u8.ToArray());
        _copies.Add([0, 0], "alike"u8.ToArray());
        _copies.Add([0, 0], "alike"u8.ToArray());
    }

    [Fact]
    public void A_copy_is_met_once()
    {
        Assert.True(Meet("one"));
        Assert.True(_copies.AreMet);
        Assert.False(Meet("one"));
    }

    [Theory]
    [InlineData("another", "", "q", false)]
    [InlineData("one", "", "q", true)]
    [InlineData("one", "exchange", "q", false)]
    [InlineData("one", "", "key", false)]
    [InlineData("alike", "", "q", false)]
    public void Other_messages_are_none_and_those_of_which_there_are_several_alike_are_captured(string body, string exchange, string key, bool redelivered)
    {
        Assert.False(Meet(body, exchange, key, redelivered));
        Assert.False(_copies.AreMet);
    }

    [Fact]
    public void A_body_in_several_parts_is_the_same_as_in_one()
    {
        Part last = new("ne"u8.ToArray(), null, 1);
        Part first = new("o"u8.ToArray(), last, 0);
        Delivery delivery = new() { RoutingKey = "q"u8, Properties = [0, 0], Body = new ReadOnlySequence<byte>(first, 0, last, 2) };
        Assert.True(_copies.Meet(delivery));
    }

    private bool Meet(string body, string exchange = "", string key = "q", bool redelivered = false)
    {
        Delivery delivery = new()
        {
            Exchange = Encoding.UTF8.GetBytes(exchange),
            RoutingKey = Encoding.UTF8.GetBytes(key),
            Properties = [0, 0],
            Body = new(Encoding.UTF8.GetBytes(body)),
            Redelivered = redelivered,
        };
        return _copies.Meet(delivery);
    }

    private sealed class Part : ReadOnlySequenceSegment<byte>
    {
        internal Part(byte[] bytes, Part? next, long index) => (Memory, Next, RunningIndex) = (bytes, next, index);
    }
}
