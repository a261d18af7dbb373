/* work.h - what drivers are bound to with the verifier on: work items. */
#pragma once

#include <ex/work.h>

VOID VfExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);
