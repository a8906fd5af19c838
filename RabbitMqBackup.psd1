@{
    # The loader must come first: it tells the runtime where the engine lies.
    NestedModules        = @('bin/RabbitMqBackup.Loader.dll')
    RootModule           = 'bin/RabbitMqBackup.Cmdlets.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '5b7c2a54-0d0e-4f3c-9f5e-7f1d7a7d3c86'
    Author               = 'RabbitMqBackup contributors'
    CompanyName          = 'RabbitMqBackup contributors'
    Copyright            = 'Copyright (c) RabbitMqBackup contributors. MIT licence.'
    Description          = 'Backs up the messages and definitions of a running RabbitMQ cluster without taking a message from its queue, and restores them.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('bin/RabbitMqBackup.format.ps1xml')
    CmdletsToExport      = @(
        'Backup-RabbitMq'
        'Compare-RabbitDefinitions'
        'Copy-RabbitBackup'
        'Export-RabbitDefinitions'
        'Get-RabbitBackup'
        'Get-RabbitBackupMessage'
        'Get-RabbitBackupSegment'
        'Get-RabbitQueue'
        'Import-RabbitDefinitions'
        'New-RabbitBackupStore'
        'New-RabbitConnection'
        'Remove-RabbitBackup'
        'Remove-RabbitBackupPolicy'
        'Restore-RabbitMq'
        'Set-RabbitBackup'
        'Test-RabbitBackup'
        'Undo-RabbitImport'
        'Undo-RabbitRestore'
    )
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags         = @('RabbitMQ', 'AMQP', 'Backup', 'Restore', 'Migration', 'Queue', 'DisasterRecovery', 'PSEdition_Core', 'Windows', 'Linux')
            ReleaseNotes = 'First version: backup of classic queues, quorum queues, streams and definitions into folders, S3, Azure Blob Storage and Google Cloud Storage, verification, restore. See CHANGELOG.md.'
        }
    }
}
