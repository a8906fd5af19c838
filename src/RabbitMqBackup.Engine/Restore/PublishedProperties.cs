using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Makes the property list that goes to the broker out of a captured one. It is the same bytes but for what would be refused, would do more than the first
/// publish did, or was added by a broker or client on the way (docs/DESIGN.md lists these changes and why). For one thread at a time.
/// </summary>
/// <param name="user">The user of the publishing connection; the broker takes no other user-id (406 PRECONDITION_FAILED) but from an impersonator.</param>
/// <param name="keepUserId">The user is an impersonator, and user-ids are to stay.</param>
/// <param name="expiration">What becomes of expirations.</param>
internal sealed class PublishedProperties(string user, bool keepUserId = false, ExpirationHandling expiration = ExpirationHandling.Keep)
{
    private const int HeadersFlag = 1 << (int)BasicProperty.Headers;
    private const int ExpirationFlag = 1 << (int)BasicProperty.Expiration;
    private const int UserIdFlag = 1 << (int)BasicProperty.UserId;

    private readonly int _flagsOfInterest = HeadersFlag | (keepUserId ? 0 : UserIdFlag) | (expiration == ExpirationHandling.Keep ? 0 : ExpirationFlag);
    private readonly PropertyListEdit _keepUser = NewEdit(dropUserId: false, expiration == ExpirationHandling.Drop);
    private readonly PropertyListEdit _dropUser = NewEdit(dropUserId: true, expiration == ExpirationHandling.Drop);
    private readonly byte[] _user = Encoding.UTF8.GetBytes(user);
    private readonly byte[] _remaining = new byte[20];
    private byte[] _buffer = new byte[1024];

    /// <summary>user-id properties left out so far.</summary>
    internal long UserIdsRemoved { get; private set; }

    /// <summary>The list to publish; valid until the next call.</summary>
    internal ReadOnlySequence<byte> For(ReadOnlyMemory<byte> captured) => TryGet(captured, TimeSpan.Zero, out ReadOnlySequence<byte> published)
        ? published
        : throw new InvalidOperationException("A message of no age can't have expired.");

    /// <summary>Gets the list to publish; valid until the next call. False where the message's time to live is over.</summary>
    /// <param name="captured">The list as it was captured.</param>
    /// <param name="age">Time since then.</param>
    /// <param name="published">The list.</param>
    internal bool TryGet(ReadOnlyMemory<byte> captured, TimeSpan age, out ReadOnlySequence<byte> published)
    {
        if (captured.Length < sizeof(ushort))
        {
            throw new RabbitBackupException(ErrorCode.SegmentCorrupt, $"A property list has {captured.Length} byte(s), and needs {sizeof(ushort)}.");
        }

        int flags = BinaryPrimitives.ReadUInt16BigEndian(captured.Span);
        if ((flags & _flagsOfInterest) == 0)
        {
            published = new ReadOnlySequence<byte>(captured);
            return true;
        }

        int remaining = 0;
        if (expiration == ExpirationHandling.Remaining && (flags & ExpirationFlag) != 0 && !TryGetRemaining(captured.Span, age, out remaining))
        {
            published = default;
            return false;
        }

        bool dropUser = !keepUserId && (flags & UserIdFlag) != 0 && !Find(captured.Span, BasicProperty.UserId).SequenceEqual(_user);
        PropertyListEdit edit = dropUser ? _dropUser : _keepUser;
        UserIdsRemoved += dropUser ? 1 : 0;
        int room = edit.MaxLength(captured.Length);
        if (_buffer.Length < room)
        {
            _buffer = new byte[Math.Max(room, _buffer.Length * 2)];
        }

        published = new ReadOnlySequence<byte>(_buffer, 0, edit.Apply(captured.Span, _buffer, _remaining.AsSpan(0, remaining)));
        return true;
    }

    /// <summary>Writes what is left of the time to live; false where nothing is. One that is no number is the broker's to judge: it stays (no bytes).</summary>
    private bool TryGetRemaining(ReadOnlySpan<byte> captured, TimeSpan age, out int written)
    {
        written = 0;
        ReadOnlySpan<byte> text = Find(captured, BasicProperty.Expiration);
        if (!Utf8Parser.TryParse(text, out long total, out int consumed) || consumed != text.Length || total < 0)
        {
            return true;
        }

        // A clock of the target that is behind the source's must not prolong a life.
        long left = total - Math.Max(0, (long)age.TotalMilliseconds);
        return left > 0 && Utf8Formatter.TryFormat(left, _remaining, out written);
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> captured, BasicProperty wanted)
    {
        PropertyListReader reader = new(captured);
        while (reader.TryRead())
        {
            if (reader.Property == wanted)
            {
                return reader.Value;
            }
        }

        return default;
    }

    private static PropertyListEdit NewEdit(bool dropUserId, bool dropExpiration) => new()
    {
        DropUserId = dropUserId,
        DropExpiration = dropExpiration,
        // What brokers and clients added: sent again, a later backup would misread the delivery budget, or a stream reader its place.
        DropHeaders = ["x-delivery-count", "x-acquired-count", "x-stream-offset", "x-dotnet-pub-seq-no"],
        // CC would copy the message to every queue it names once more; it is kept for people under a name that routes nothing.
        RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-original-cc" },
        DropEmptiedHeaders = true,
    };
}
