using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Messages.Chunks;

public class ChunkEntryReaderTests
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
        ChunkEntryReader reader = new(Entries, 100);

        Assert.True(reader.TryRead(out ChunkEntry message));
        Assert.Equal((100UL, 1, false), (message.FirstOffset, message.Records, message.IsBatch));
        Assert.Equal<byte>([0xAA, 0xBB], message.Payload.ToArray());
        Assert.Equal(Entries[..6], message.Wire.ToArray());

        Assert.True(reader.TryRead(out ChunkEntry batch));
        Assert.Equal((101UL, 5, true), (batch.FirstOffset, batch.Records, batch.IsBatch));
        Assert.Equal((BatchCodec.Gzip, 256u), (batch.Codec, batch.UncompressedLength));
        Assert.Equal<byte>([1, 2, 3], batch.Payload.ToArray());
        Assert.Equal(Entries[6..20], batch.Wire.ToArray());

        Assert.True(reader.TryRead(out ChunkEntry empty));
        Assert.Equal((106UL, 0), (empty.FirstOffset, empty.Payload.Length));

        Assert.False(reader.TryRead(out _, out string? complaint));
        Assert.Null(complaint);
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
            Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
            Assert.Contains($"at byte {(length < 6 ? 0 : length < 20 ? 6 : 20)}: ", error.Message);
        }
    }

    [Fact]
    public void A_huge_length_is_refused()
    {
        Assert.Contains("2147483647 bytes", Assert.Throws<RabbitBackupException>(() => Walk([0x7F, 0xFF, 0xFF, 0xFF])).Message);
        Assert.Contains("4294967295 bytes", Assert.Throws<RabbitBackupException>(() => Walk([0x80, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])).Message);
    }

    private static void Walk(byte[] entries)
    {
        ChunkEntryReader reader = new(entries, 0);
        while (reader.TryRead(out _))
        {
        }
    }
}
