using System.Buffers.Text;
using System.Text;

namespace RabbitMqBackup.Bench;

/// <summary>Makes message bodies, each different from the others, the same in every run.</summary>
internal sealed class MessageBodies(BodyKind kind, int size)
{
    private static readonly byte[][] Names = [.. new[]
    {
        "orderId", "customer", "street", "postalCode", "city", "country", "currency", "amount", "tax", "sku", "quantity", "warehouse", "status", "createdAt", "note", "priority",
    }.Select(name => Encoding.ASCII.GetBytes($"\"{name}\":"))];

    private static readonly byte[][] Words = [.. new[]
    {
        "\"pending\"", "\"shipped\"", "\"EUR\"", "\"CHF\"", "\"Zurich\"", "\"Hamburg\"", "\"Lyon\"", "\"express\"", "true", "false", "null", "\"please leave it at the door\"",
    }.Select(Encoding.ASCII.GetBytes)];

    private readonly Random _random = new(12345);

    /// <summary>Bytes of every body.</summary>
    internal int Size => size;

    /// <summary>Fills a span of <see cref="Size"/> bytes with the next body.</summary>
    internal void Next(Span<byte> body)
    {
        switch (kind)
        {
            case BodyKind.Random:
                _random.NextBytes(body);
                break;
            case BodyKind.Compressible:
                for (int i = 0; i < body.Length; i++)
                {
                    body[i] = (byte)"the quick brown fox jumps over the lazy dog "[i % 44];
                }

                break;
            default:
                NextJson(body);
                break;
        }
    }

    /// <summary>The object's last value is cut where the body is full: it looks like JSON, which is all that compression sees.</summary>
    private void NextJson(Span<byte> body)
    {
        if (body.Length < 32)
        {
            body.Fill((byte)'1');
            return;
        }

        body[0] = (byte)'{';
        int at = 1;
        for (int field = 0; at < body.Length - 1; field++)
        {
            at += Copy(Names[field % Names.Length], body[at..]);
            if (body.Length - at > 24)
            {
                at += field % 3 == 0 ? Copy(Words[_random.Next(Words.Length)], body[at..])
                    : Utf8Formatter.TryFormat(_random.NextInt64(1L << (8 + (field * 7 % 50))), body[at..], out int digits) ? digits : 0;
            }

            at += Copy(","u8, body[at..]);
        }

        body[^1] = (byte)'}';
    }

    private static int Copy(ReadOnlySpan<byte> from, Span<byte> to)
    {
        int count = Math.Min(from.Length, to.Length);
        from[..count].CopyTo(to);
        return count;
    }
}
