using RabbitMqBackup.Engine.Messages;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Messages;

public class StreamEntryReaderTests
{
    private static readonly byte[] Entries =
    [
        0, 0, 0, 2, 0xAA, 0xBB,
        0x90, 0, 5, 0, 0, 1, 0, 0, 0, 0, 3, 1, 2, 3,
        0, 0, 0, 0,
    ];

    [Fact]
    public void Messages_and_batches_are_walked_with_their_offsets()
    {
        StreamEntryReader reader = new(Entries, 100);

        Assert.True(reader.TryRead(out StreamEntry message));
        Assert.Equal((100L, 1, false), (message.Offset, message.Messages, message.IsBatch));
        Assert.Equal<byte>([0xAA, 0xBB], message.Data.ToArray());
        Assert.Equal(Entries[..6], message.Raw.ToArray());

        Assert.True(reader.TryRead(out StreamEntry batch));
        Assert.Equal((101L, 5, true), (batch.Offset, batch.Messages, batch.IsBatch));
        Assert.Equal((0x90, 256u), (batch.BatchType, batch.UncompressedBytes));
        Assert.Equal<byte>([1, 2, 3], batch.Data.ToArray());
        Assert.Equal(Entries[6..20], batch.Raw.ToArray());

        Assert.True(reader.TryRead(out StreamEntry empty));
        Assert.Equal((106L, 0), (empty.Offset, empty.Data.Length));

        Assert.False(reader.TryRead(out _));
        Assert.Null(reader.Complaint);
        Assert.Equal(Entries.Length, reader.Position);
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        for (int length = 1; length < Entries.Length; length++)
        {
            if (length is 6 or 20)
            {
                continue; // between entries: the counts of the chunk tell
            }

            byte[] cut = Entries[..length];
            RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Walk(cut));
            Assert.Contains($"at byte {(length < 6 ? 0 : length < 20 ? 6 : 20)}: ", error.Message);
        }
    }

    [Fact]
    public void A_batch_without_messages_and_a_huge_length_are_refused()
    {
        Assert.Contains("no message", Assert.Throws<RabbitBackupException>(() => Walk([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).Message);
        Assert.Contains("2147483647 bytes", Assert.Throws<RabbitBackupException>(() => Walk([0x7F, 0xFF, 0xFF, 0xFF])).Message);
        Assert.Contains("4294967295 bytes", Assert.Throws<RabbitBackupException>(() => Walk([0x80, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])).Message);
    }

    private static void Walk(byte[] entries)
    {
        StreamEntryReader reader = new(entries, 0);
        while (reader.TryRead(out _))
        {
        }

        reader.ThrowIfMalformed();
    }
}
