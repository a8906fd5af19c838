using Amqp;
using Amqp.Framing;
using Amqp.Types;
using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Messages.Amqp10;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Messages.Amqp10;

/// <summary>Against AMQPNetLite's encoder as the independent party.</summary>
public sealed class Amqp10DecoderTests
{
    [Fact]
    public void Every_section_and_type_is_understood()
    {
        Guid id = Guid.NewGuid();
        DateTime time = new(2026, 5, 4, 3, 2, 1, DateTimeKind.Utc);
        Message message = new()
        {
            Header = new Header { Durable = true, Priority = 7, Ttl = 5000 },
            DeliveryAnnotations = new DeliveryAnnotations { [new Symbol("da")] = 1 },
            MessageAnnotations = new MessageAnnotations { [new Symbol("x-map")] = new Map { ["k"] = "v" }, [new Symbol("x-list")] = new List { 1, "two" } },
            Properties = new Properties { MessageId = "m", UserId = [1, 2], To = "t", Subject = "s", ContentType = "a/b", CreationTime = time, GroupId = "g", GroupSequence = 3 },
            ApplicationProperties = new ApplicationProperties(),
            BodySection = new Data { Binary = [1, 2, 3] },
            Footer = new Footer { [new Symbol("f")] = true },
        };
        (string Name, object? Value)[] values =
        [
            ("null", null), ("true", true), ("ubyte", (byte)200), ("byte", (sbyte)-3), ("ushort", (ushort)60000), ("short", (short)-300), ("uint", 4_000_000_000u), ("uint0", 0u),
            ("int", -70000), ("ulong", ulong.MaxValue), ("ulong0", 0ul), ("long", long.MinValue), ("float", 1.5f), ("double", -2.25), ("char", 'ß'), ("uuid", id),
            ("binary", new byte[] { 0xFF, 0 }), ("string", "Grüße"), ("long string", new string('y', 300)), ("symbol", new Symbol("sym")), ("time", time),
        ];
        foreach ((string name, object? value) in values)
        {
            message.ApplicationProperties.Map[name] = value;
        }

        Amqp10Message decoded = Decode(Encode(message));

        Assert.Equal((true, (byte)7, TimeSpan.FromSeconds(5)), (decoded.Durable, decoded.Priority, decoded.TimeToLive));
        Assert.Equal(Amqp10BodyKind.Data, decoded.BodyKind);
        Assert.Equal([1, 2, 3], decoded.Body);
        Assert.Equal([new("da", 1)], decoded.DeliveryAnnotations);
        Assert.Equal([new("f", true)], decoded.Footer);
        Assert.Equal(new List<KeyValuePair<object?, object?>> { new("k", "v") }, decoded.Annotation("x-map"));
        Assert.Equal(new List<object?> { 1, "two" }, decoded.Annotation("x-list"));
        Assert.Equal(("m", "s", 3u, new DateTimeOffset(time)), (decoded.Properties["message-id"], decoded.Properties["subject"], decoded.Properties["group-sequence"], decoded.Properties["creation-time"]));
        Assert.DoesNotContain("reply-to", decoded.Properties.Keys);
        foreach ((string name, object? value) in values)
        {
            object? expected = value switch { char c => c.ToString(), Symbol s => (string)s, DateTime t => new DateTimeOffset(t), _ => value };
            Assert.Equal(expected, decoded.ApplicationProperties.Single(p => (string?)p.Key == name).Value);
        }
    }

    [Fact]
    public void Bodies_of_values_and_sequences_keep_their_encoding()
    {
        byte[] encoded = Encode(new Message { BodySection = new AmqpValue { Value = new Map { ["a"] = 1 } } });
        Amqp10Message value = Decode(encoded);
        Amqp10Message sequence = Decode(Encode(new Message { BodySection = new AmqpSequence { List = new List<object> { 1, "x" } } }));
        Amqp10Message nothing = Decode(Encode(new Message { BodySection = new AmqpValue { Value = null } }));

        Assert.Equal((Amqp10BodyKind.Value, Amqp10BodyKind.Sequence, Amqp10BodyKind.Value), (value.BodyKind, sequence.BodyKind, nothing.BodyKind));
        Assert.Equal(new List<KeyValuePair<object?, object?>> { new("a", 1) }, value.BodyValue);
        Assert.Equal(encoded, value.Body);
        Assert.Equal(new List<object?> { 1, "x" }, sequence.BodyValue);
        Assert.Null(nothing.BodyValue);
    }

    public static TheoryData<string, byte[]> Broken => new()
    {
        { "no section", [] },
        { "does not begin with a descriptor", [0x53, 0x75, 0xA0, 0] },
        { "no section of a message", [0x00, 0x53, 0x60, 0x45] },
        { "cut off", [0x00, 0x53, 0x75, 0xB0, 0x7F, 0xFF, 0xFF, 0xFF, 1] },
        { "cut off", [0x00, 0x53, 0x77, 0xD0, 0, 0, 0, 8, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] },
        { "values", [0x00, 0x53, 0x77, 0xF0, 0, 0, 0, 5, 0x7F, 0xFF, 0xFF, 0xFF, 0x40] },
        { "out of place", [0x00, 0x53, 0x75, 0xA0, 0, 0x00, 0x53, 0x70, 0x45] },
        { "unknown", [0x00, 0x53, 0x77, 0x3F] },
        { "nested", [0x00, 0x53, 0x77, .. Enumerable.Repeat((byte)0, 100_000)] },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void What_is_no_message_is_told_with_its_reason(string why, byte[] bytes)
    {
        Assert.False(Amqp10Decoder.TryDecode(bytes, out _, out string? problem));
        Assert.Contains(why, problem);
    }

    [Fact]
    public void Damaged_messages_are_decoded_or_refused_and_nothing_else()
    {
        Message message = new() { Properties = new Properties { MessageId = "m" }, ApplicationProperties = new ApplicationProperties(), BodySection = new AmqpValue { Value = new List { 1, new Map { ["q"] = new string('x', 300) } } } };
        message.ApplicationProperties.Map["k"] = "value";
        byte[] sound = Encode(message);
        Gen<(int, int, int)> damage = Gen.Choose(0, sound.Length - 1).SelectMany(p => Gen.Choose(0, 255).SelectMany(v => Gen.Choose(0, sound.Length).Select(l => (p, v, l))));
        Prop.ForAll(Arb.From(damage), d =>
        {
            byte[] damaged = [.. sound];
            damaged[d.Item1] = (byte)d.Item2;
            bool decoded = Amqp10Decoder.TryDecode(damaged.AsSpan(0, d.Item3), out Amqp10Message? result, out string? problem);
            _ = Amqp091Conversion.Convert(damaged.AsSpan(0, d.Item3));
            return decoded ? result is not null && problem is null : result is null && problem is not null;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    internal static byte[] Encode(Message message)
    {
        ByteBuffer buffer = message.Encode();
        return buffer.Buffer.AsSpan(buffer.Offset, buffer.Length).ToArray();
    }

    private static Amqp10Message Decode(byte[] bytes)
    {
        Assert.True(Amqp10Decoder.TryDecode(bytes, out Amqp10Message? message, out string? problem), problem);
        return message!;
    }
}
