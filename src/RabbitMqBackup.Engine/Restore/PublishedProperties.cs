using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Makes the property list that goes to the broker out of a captured one. It is the same bytes but for what would be refused, would do more than the first
/// publish did, or was added by a broker or client on the way (docs/DESIGN.md lists these changes and why). For one thread at a time.
/// </summary>
/// <param name="user">The user of the publishing connection; the broker takes no other user-id (406 PRECONDITION_FAILED).</param>
internal sealed class PublishedProperties(string user)
{
    private const int HeadersFlag = 1 << 13;
    private const int UserIdFlag = 1 << 4;

    private static readonly PropertyListEdit KeepUser = NewEdit(dropUserId: false);
    private static readonly PropertyListEdit DropUser = NewEdit(dropUserId: true);

    private readonly byte[] _user = Encoding.UTF8.GetBytes(user);
    private byte[] _buffer = new byte[1024];

    /// <summary>user-id properties left out so far.</summary>
    internal long UserIdsRemoved { get; private set; }

    /// <summary>The list to publish; valid until the next call.</summary>
    internal ReadOnlySequence<byte> For(ReadOnlyMemory<byte> captured)
    {
        if (captured.Length < sizeof(ushort))
        {
            throw new RabbitBackupException(ErrorCode.SegmentCorrupt, $"A property list has {captured.Length} byte(s), and needs {sizeof(ushort)}.");
        }

        int flags = BinaryPrimitives.ReadUInt16BigEndian(captured.Span);
        if ((flags & (HeadersFlag | UserIdFlag)) == 0)
        {
            return new ReadOnlySequence<byte>(captured);
        }

        bool dropUser = (flags & UserIdFlag) != 0 && !IsOwnUser(captured.Span);
        PropertyListEdit edit = dropUser ? DropUser : KeepUser;
        UserIdsRemoved += dropUser ? 1 : 0;
        int room = edit.MaxLength(captured.Length);
        if (_buffer.Length < room)
        {
            _buffer = new byte[Math.Max(room, _buffer.Length * 2)];
        }

        return new ReadOnlySequence<byte>(_buffer, 0, edit.Apply(captured.Span, _buffer));
    }

    private bool IsOwnUser(ReadOnlySpan<byte> captured)
    {
        PropertyListReader reader = new(captured);
        while (reader.TryRead())
        {
            if (reader.Property == BasicProperty.UserId)
            {
                return reader.Value.SequenceEqual(_user);
            }
        }

        return false;
    }

    private static PropertyListEdit NewEdit(bool dropUserId) => new()
    {
        DropUserId = dropUserId,
        // What brokers and clients added: sent again, a later backup would misread the delivery budget, or a stream reader its place.
        DropHeaders = ["x-delivery-count", "x-acquired-count", "x-stream-offset", "x-dotnet-pub-seq-no"],
        // CC would copy the message to every queue it names once more; it is kept for people under a name that routes nothing.
        RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-original-cc" },
        DropEmptiedHeaders = true,
    };
}
